"""What is wrong with a request is said in one paragraph, with status 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_distributions import pending_method
from forget.cli import main
from tiny_models import make_hollow_model


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_hollow_model(tmp_path / "model")


def refused(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused, and return what it said."""
    before = sorted(out.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--out", str(out)])
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert sorted(out.rglob("*")) == before
    return said.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--method", "gt-stf"], ["no method named 'gt-stf'", "'gt-sft'"]),
        (["--method", "gt-sft", "--dataset", "gsm8"], ["no dataset named", "'gsm8k'"]),
        (["--method", "gt-sft", "--benchmarks", "core11"], ["no benchmark or suite", "'core10'"]),
        (["--method", "gt-sft", "--model", "smollm"], ["no model named", "'smollm2-135m'"]),
        (["--method", "gt-sft", "--study", "phase3"], ["no study named", "'phase1'"]),
        (["--method", "gt-sft", "--limit", "0"], ["--limit must be at least 1"]),
        (["--method", "gt-sft", "--max-steps", "0"], ["max_steps", "at least 1"]),
        (["--method", "gt-sft", "--batch-size", "0"], ["--batch-size must be at least 1"]),
        (["--method", "gt-sft", "--engine", "vllm", "--device", "mps"], ["--engine vllm", "out."]),
        (["--method", "gt-sft", "--set", "lrr=1"], ["no setting 'lrr'", "Did you mean lr"]),
        (["--method", "gt-sft", "--set", "lr=fast"], ["'lr'", "number", "'fast'"]),
        (["--method", "gt-sft", "--set", "lr"], ["NAME=VALUE"]),
        (["--method", "gt-sft", "--data", "/no/such/mirror"], ["/no/such/mirror"]),
        (["--method", "gt-sft", "--registry", "/no/such.toml"], ["/no/such.toml"]),
    ],
)
def test_a_wrong_word(
    arguments: list[str], expected: list[str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "/no/such/mirror" in arguments:
        arguments = [*arguments, "--dataset", "gsm8k"]
    said = refused(["run", *arguments], out, capsys)
    assert all(words in said for words in expected), said


def test_a_method_that_waits_for_its_plugin(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = pending_method(tmp_path)
    said = refused(["run", "--method", "made", "--registry", str(registry)], out, capsys)
    assert "pending" in said
    assert "pip install forget-made" in said


def test_a_mirror_that_lacks_a_split(
    mirror: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mirror / "gsm8k" / "test.parquet").unlink()
    command = ["run", "--method", "gt-sft", "--dataset", "gsm8k", "--data", str(mirror)]
    said = refused(command, out, capsys)
    assert "no split 'test'" in said
    assert "train" in said


def test_a_mirror_that_lacks_a_benchmark(
    mirror: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--method", "gt-sft", "--benchmarks", "piqa", "--data", str(mirror)]
    assert "piqa/validation.parquet" in refused(command, out, capsys)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_dataset_file_cut_short(
    split: str, mirror: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = mirror / "gsm8k" / f"{split}.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    command = ["run", "--method", "gt-sft", "--dataset", "gsm8k", "--data", str(mirror)]
    said = refused([*command, "--model", str(model), "--benchmarks", "mini_piqa"], out, capsys)
    assert f"{split}.parquet" in said


def test_a_benchmark_file_cut_short(
    mirror: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mirror / "piqa").mkdir()
    good = (mirror / "gsm8k" / "train.parquet").read_bytes()
    (mirror / "piqa" / "validation.parquet").write_bytes(good[:-20])
    command = ["run", "--method", "gt-sft", "--benchmarks", "piqa", "--data", str(mirror)]
    said = refused([*command, "--model", str(model)], out, capsys)
    assert "validation.parquet" in said


def test_a_checkpoint_without_tokenizer(
    model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "tokenizer.json").unlink()
    said = refused(["eval", str(model), "--base", "smollm2-135m"], out, capsys)
    assert "no tokenizer" in said


def test_a_checkpoint_with_truncated_weights(
    model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    said = refused(["eval", str(model), "--base", "smollm2-135m"], out, capsys)
    assert "truncated" in said


def test_no_such_checkpoint(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(["eval", str(out / "none"), "--base", "smollm2-135m"], out, capsys)
    assert "no model folder" in said


def test_a_registry_with_a_wrong_type(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[studies.demo]\nlimit = "a few"\n')
    said = refused(["run", "--method", "gt-sft", "--registry", str(file)], out, capsys)
    assert str(file) in said
    assert "limit" in said


@pytest.mark.parametrize("name", ["", "runs", "evaluations"])
def test_a_file_where_the_output_folder_should_be(
    name: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = out / "place"
    file = place / name if name else place
    file.parent.mkdir(exist_ok=True)
    file.write_text("in the way")
    with pytest.raises(SystemExit) as exit_:
        main(["run", "--method", "gt-sft", "--out", str(place)])
    said = capsys.readouterr().err
    assert exit_.value.code == 2
    assert "is not a folder" in said


def test_a_run_frozen_with_other_settings(
    model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from forget.plan import RunRequest, plan
    from forget.session import open_session
    from forget.store import runfile

    request = RunRequest(
        method="gt-sft", model=str(model), benchmarks=("mini_piqa",), overrides={"lr": 1e-3}
    )
    (run,) = plan(request, open_session(out=out)).runs
    run.folder.data.mkdir(parents=True)
    runfile.freeze(run.folder.runfile, run.frozen(), {})
    command = ["run", "--method", "gt-sft", "--model", str(model), "--benchmarks", "mini_piqa"]
    said = refused([*command, "--set", "lr=1e-5"], out, capsys)
    assert "lr was 0.001, now 1e-05" in said
    refused([*command, "--set", "lr=1e-5", "--dry-run"], out, capsys)
