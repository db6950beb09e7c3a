"""`forget data` and its commands: what is printed where, and the exit status."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.cli import main
from study_data import GT, SF, make_run, make_store, reseal, trajectories

RUN = Path(GT.format(0))


@pytest.fixture(scope="module")
def original(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    for seed in (0, 1, 10):
        make_run(out, tiny_model, f"phase1/tiny/arithmetic/gt-sft/seed-{seed}")
    run = make_run(out, tiny_model, "phase1/tiny/arithmetic/sf-sft/seed-0", count=5)
    texts = [("train-00000", 0, "So 330.\n#### 330"), ("train-00000", 1, "It is [7].\n#### 7")]
    store = make_store(out, texts, questions=10)
    reseal(run / "data", trajectories=trajectories(store.relative_to(out).as_posix()))
    return out


@pytest.fixture
def out(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORGET_DATA", raising=False)
    folder = Path(shutil.copytree(original, tmp_path / "out"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*command: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["data", *command])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return end.value.code, said.out, said.err

    return run


def refused(said: tuple[Any, str, str], status: int = 2) -> str:
    assert said[0] == status
    assert said[1] == ""
    assert len(said[2].strip().splitlines()) == 1
    return said[2]


def flowing(table: str) -> str:
    """Return the texts of a table's last column as if nothing had been broken."""
    cells = [line.split("│")[-2].strip() for line in table.splitlines() if line.count("│") > 1]
    return " ".join(cells)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# --- the inventory


def test_the_table(out: Path, say: Any) -> None:
    before = files(out)
    status, text, err = say()
    assert (status, err) == (0, "")
    for words in (
        "openai/gsm8k", "Hub", "generated", "GT-SFT training", "100.0 %", "80.0 %", "2 of 20",
        "T 0.7, top-p 0.95", "2 samples", "arithmetic/gt-sft/ seeds 1, 10",
    ):  # fmt: skip
        assert words in text, words
    assert files(out) == before


def test_nothing_yet(tmp_path: Path, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, text, _ = say()
    assert status == 0
    assert "no prepared data" in text
    assert list(tmp_path.iterdir()) == []


def test_markdown_is_the_trackers_table(out: Path, say: Any) -> None:
    _, text, _ = say("--markdown")
    lines = [line.split(" | ") for line in text.splitlines()]
    assert lines[0][:4] == ["| Directory", "Format", "Train Samples", "Purpose"]
    assert {len(line) for line in lines} == {9}
    [gt] = [line for line in lines if "GT-SFT training" in line]
    assert gt[:4] == [f"| `{RUN}/data`", "SFT", "8", "GT-SFT training"]
    assert gt[7] == "runs/phase1/tiny/arithmetic/gt-sft/ seeds 0, 1, 10"


GOLDEN = {
    "folder": f"{SF}/data",
    "format": "SFT",
    "dataset": "arithmetic",
    "state": "complete",
    "split": "",
    "purpose": "SF-SFT training",
    "rows": 5,
    "expected": 5,
    "kept_fraction": 0.8,
    "pass_rate": None,
    "teacher": "qwen3-32b",
    "sampling": {
        "temperature": 0.7,
        "top_p": 0.95,
        "top_k": 0,
        "max_new_tokens": 1024,
        "shots": 0,
        "samples": 2,
    },
    "runs": [SF],
    "problem": "",
}


def test_json(out: Path, say: Any) -> None:
    status, text, err = say("--json")
    assert (status, err) == (0, "")
    rows = json.loads(text)["datasets"]
    assert [(row["format"], row["state"]) for row in rows] == [
        *[("source", "generated")] * 2,
        *[("source", "hub")] * 6,
        *[("SFT", "complete")] * 2,
        ("trajectories", "unfinished"),
    ]
    [row] = [row for row in rows if row["folder"] == f"{SF}/data"]
    assert row.pop("path") == str(out / SF / "data")
    assert re.fullmatch(r"[0-9a-f]{64}", row.pop("digest"))
    assert row.pop("bytes") == (out / SF / "data" / "train.parquet").stat().st_size
    assert row == GOLDEN
    assert len({tuple(row) for row in rows} - {tuple(GOLDEN)}) == 1  # the keys of all are the same


def test_a_method_that_nobody_knows(out: Path, say: Any) -> None:
    run = out / RUN
    run.parent.parent.joinpath("mine").mkdir()
    shutil.copytree(run, run.parent.parent / "mine" / "seed-0")
    _, text, _ = say("--json")
    purposes = [row["purpose"] for row in json.loads(text)["datasets"]]
    assert "GT-SFT, mine training" in purposes


def test_damage_does_not_stop_the_listing(out: Path, say: Any) -> None:
    (out / RUN / "data" / "manifest.json").write_text("{")
    status, text, _ = say()
    assert status == 0
    assert "damaged: manifest.json is not a manifest: it was cut or edited" in flowing(text)


def test_a_mirror_that_is_not_there(out: Path, say: Any) -> None:
    assert "does not exist" in refused(say("--data", "nowhere"))


def test_options_before_a_command_are_the_commands(
    out: Path, tmp_path: Path, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, text, _ = say("--out", str(out), "--json", "verify", "arithmetic")
    assert status == 0
    assert len(json.loads(text)["checks"]) == 5
    status, _, err = say("--markdown", "verify")
    assert status == 2
    assert "--markdown" in err


@pytest.mark.slow
def test_a_hundred_runs_in_about_a_second(original: Path, tmp_path: Path) -> None:
    for dataset in ("gsm8k", "math", "triviaqa", "arithmetic"):
        for method in ("gt-sft", "sf-sft", "cf-sft", "grpo", "spin"):
            for seed in range(5):
                place = tmp_path / "runs/phase1/tiny" / dataset / method / f"seed-{seed}"
                shutil.copytree(original / RUN, place)
    make_store(
        tmp_path, [(f"t-{n}", k, "word " * 150) for n in range(7500) for k in range(2)], 7500
    )
    command = [sys.executable, "-m", "forget", "data", "--json", "--out", str(tmp_path)]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        found = subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    rows = json.loads(found.stdout)["datasets"]
    assert sum(len(row["runs"]) for row in rows) == 100
    print(f"forget data, 100 runs and a store of 15,000 completions: {min(times):.2f} s; goal 1 s")
    assert min(times) < 2


# --- verify


def test_verify(out: Path, say: Any) -> None:
    status, text, err = say("verify")
    assert status == 0
    assert text.count("intact") == 4
    assert "unfinished: 2 of 20" in text
    assert err.startswith("reading through: done in")


def test_verify_finds_damage(out: Path, say: Any) -> None:
    file = out / RUN / "data" / "train.parquet"
    content = bytearray(file.read_bytes())
    content[60] ^= 0xFF
    file.write_bytes(bytes(content))
    before = files(out)
    status, text, err = say("verify", "--json")
    assert status == 1
    [bad] = [check for check in json.loads(text)["checks"] if check["state"] == "damaged"]
    assert bad["name"] == f"{RUN}/data"
    assert "SHA-256" in bad["problem"]
    assert f"1 of 5 are damaged or not there: {RUN}/data" in err
    assert "run the command of its run again" in flowing(say("verify")[1])
    assert files(out) == before


def test_verify_of_nothing(tmp_path: Path, say: Any) -> None:
    status, text, _ = say("verify", "gsm8k", "mini", "--out", str(tmp_path))
    assert status == 0
    assert "There is nothing to verify" in text


def test_verify_of_a_wrong_name(out: Path, say: Any) -> None:
    assert "Did you mean 'arithmetic'" in refused(say("verify", "arithmetik"))


@pytest.mark.slow
def test_verify_of_the_published_data(data_root: Path, tmp_path: Path, say: Any) -> None:
    status, text, _ = say(
        "verify", "gsm8k", "piqa", "--json", "--data", str(data_root), "--out", str(tmp_path)
    )
    assert status == 0
    assert [(c["name"], c["rows"], c["state"]) for c in json.loads(text)["checks"]] == [
        ("gsm8k/train.parquet", 7473, "intact"),
        ("gsm8k/test.parquet", 1319, "intact"),
        ("piqa", 1838, "intact"),
    ]


# --- show


def test_show_a_run(out: Path, tiny_model: Path, say: Any) -> None:
    status, text, _ = say("show", str(RUN), "--model", str(tiny_model), "--count", "1")
    assert status == 0
    assert text.startswith("train-00000 · ")
    masked, _, inside = text.partition("--- in the loss:\n")
    assert "--- not in the loss:\n<|im_start|>user\n" in masked
    assert inside.startswith("10 * 33 = 330 cards in 10 weeks.\n#### 330<|im_end|>\n")
    assert "8 examples: " in inside


@pytest.mark.slow
def test_show_as_json(out: Path, tiny_model: Path, say: Any) -> None:
    _, text, _ = say("show", "arithmetic", "--model", str(tiny_model), "--id=train-00002", "--json")
    found = json.loads(text)
    assert (found["what"], found["model"]) == ("arithmetic", tiny_model.name)
    [example] = found["examples"]
    assert example["id"] == "train-00002"
    assert example["length"] == len(example["input_ids"]) == len(example["completion_mask"])
    assert example["in_loss"] == sum(example["completion_mask"])
    assert example["text"].endswith(example["loss_text"])
    assert "".join(example["tokens"]) == example["text"]
    assert found["lengths"]["rows"] == 2000


def test_show_a_store(out: Path, say: Any) -> None:
    status, text, _ = say("show", "trajectories/arithmetic/qwen3-32b-0a1b2c3d4e5f")
    assert status == 0
    assert "train-00000 · sample 0 · 4 tokens · correct" in text
    assert "sample 1 · 5 tokens · wrong: 7 is not 330\nIt is [7].\n#### 7" in text
    _, text, _ = say("show", "trajectories/arithmetic/qwen3-32b-0a1b2c3d4e5f", "--json")
    first, second = json.loads(text)["completions"]
    assert (first["correct"], first["extracted"], first["finished"]) == (True, "330", True)
    assert (second["sample"], second["tokens"], second["truncated"]) == (1, 5, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["arithmetik"], "Did you mean 'arithmetic'"),
        (["runs"], "holds no data"),
        (["arithmetic", "--split", "dev"], "no split 'dev'"),
        (["arithmetic", "--count", "0"], "--count must be at least 1"),
        (["arithmetic", "--id", "train-9"], "no example named 'train-9'"),
        (["arithmetic", "--model", "smollm"], "no model named 'smollm'"),
        (["nowhere/at/all"], "Nor is there a folder nowhere/at/all"),
        ([str(RUN)], "keeps the name alone: 'tiny'. Name the folder with --model"),
    ],
)
def test_show_of_something_wrong(arguments: list[str], says: str, out: Path, say: Any) -> None:
    assert says in refused(say("show", *arguments))


# --- fetch


def offline(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    import os

    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-m", "forget", "data", "fetch", *arguments],
        capture_output=True, text=True, cwd=folder, env=quiet, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_fetch_without_a_network(tmp_path: Path) -> None:
    found = offline(["gsm8k", "core10", "--data", "mirror"], tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    lines = [line for line in found.stderr.splitlines() if line.startswith("forget: ")]
    assert len(lines) == 1
    assert "cannot be reached" in lines[0]
    assert "nothing was written" in lines[0]
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "mirror").exists()


def test_fetch_of_what_is_there(data_root: Path, tmp_path: Path, say: Any) -> None:
    mirror = tmp_path / "mirror"
    for name in ("gsm8k", "piqa"):
        shutil.copytree(data_root / name, mirror / name)
    status, text, _ = say("fetch", "gsm8k", "piqa", "--data", str(mirror))
    assert status == 0
    assert text.count("kept") == 2
    assert "8,792" in text
    _, text, _ = say("fetch", "piqa", "--data", str(mirror), "--json")
    [file] = json.loads(text)["files"]
    assert (file["file"], file["state"], file["rows"]) == ("piqa/validation.parquet", "kept", 1838)


def test_fetch_of_what_is_generated(tmp_path: Path, say: Any) -> None:
    status, text, _ = say("fetch", "arithmetic", "mini", "--data", str(tmp_path / "mirror"))
    assert status == 0
    assert "generated by code" in text
    assert not (tmp_path / "mirror").exists()


def test_fetch_from_a_folder(tmp_path: Path, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import attrs
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    from forget_datasets.gsm8k import Gsm8k

    hub = tmp_path / "hub"
    hub.mkdir()
    for split in ("train", "test"):
        pq.write_table(
            pa.table({"question": ["q"], "answer": ["#### 1"]}), hub / f"{split}.parquet"
        )
    changed = attrs.evolve(Gsm8k.source, hub=str(hub), config=None, rows={"train": 2})
    monkeypatch.setattr(Gsm8k, "source", changed)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    status, text, err = say("fetch", "gsm8k", "--data", str(tmp_path / "mirror"))
    assert status == 1  # one of two has not the rows it must have
    assert "1 written, 1 failed" in text
    assert "gsm8k/train.parquet was not written: The train split" in err
    assert files(tmp_path / "mirror") == {"gsm8k", "gsm8k/test.parquet"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gsm8k"], "--data DIR, or FORGET_DATA"),
        (["gsm8", "--data", "x"], "Did you mean 'gsm8k'"),
        (["core11", "--data", "x"], "'core10'"),
        (["gsm8k", "--data", "file"], "The data mirror file cannot be made"),
    ],
)
def test_fetch_of_something_wrong(
    arguments: list[str], says: str, tmp_path: Path, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORGET_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert says in refused(say("fetch", *arguments)).replace(f"{tmp_path}/", "")
    assert files(tmp_path) == {"file"}


# --- a terminal


@pytest.mark.slow
@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_tells_the_loss_by_colour(colour: bool, out: Path, tiny_model: Path) -> None:
    text = in_terminal(
        ["show", str(RUN), "--model", str(tiny_model), "--count", "1"], out, 80, colour
    )
    assert ("\x1b[1;32m10 * 33 = 330" in text) is colour
    assert ("\x1b[2m<|im_start|>user" in text) is colour
    assert ("--- in the loss:" in text) is not colour


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int, out: Path) -> None:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", in_terminal([], out, width, True))
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert "runs/phase1/tiny/" in text


def in_terminal(arguments: Sequence[str], folder: Path, width: int, colour: bool) -> str:
    """Run `forget data` in a pseudo-terminal and return what it prints."""
    import fcntl
    import os
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    if not colour:
        environment["NO_COLOR"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "forget", "data", *arguments],
        stdout=theirs, stderr=subprocess.DEVNULL, cwd=folder, env=environment,
    )  # fmt: skip
    os.close(theirs)
    found = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        found += part
    os.close(ours)
    assert process.wait() == 0
    return found.decode().replace("\r\n", "\n")
