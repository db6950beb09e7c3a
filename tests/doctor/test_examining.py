"""Everything that runs need is looked at, each thing once; nothing stops at the first problem."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from doctor.conftest import named
from fake_distributions import Site, pending_method
from forget.doctor import examine, problems
from forget.doctor.diagnosis import Check, Diagnosis, Found, commands, fetch_data
from forget.doctor.examining import _diagnose
from forget.errors import SettingsError, UnknownNameError
from forget.mirror import Mirror
from forget.plan import RunRequest
from forget.progress import Advance, Silent
from forget.session import Session
from forget.store.manifest import seal

Open = Callable[..., Session]
MACHINE = ["environment", "plugins", "machine", "storage", "caches", "cluster"]


def request(model: Path, **changes: Any) -> RunRequest:
    return RunRequest(
        **{
            "method": "gt-sft",
            "model": str(model),
            "dataset": "gsm8k",
            "benchmarks": ("mini_piqa",),
            **changes,
        }
    )


def look(asked: RunRequest | None, session: Session) -> list[Diagnosis]:
    return examine(asked, session, Silent())


@pytest.mark.slow
def test_the_machine_alone(open_lazily: Open) -> None:
    found = look(None, open_lazily())
    areas = list(dict.fromkeys(diagnosis.area for diagnosis in found))
    assert [area for area in areas if area != "variables"] == MACHINE
    assert all(
        diagnosis.remedy or diagnosis.command for diagnosis in found if diagnosis.state != "fine"
    )


@pytest.mark.slow
def test_a_sound_run(open_lazily: Open, mirror: Path, tiny_model: Path, out: Path) -> None:
    found = look(request(tiny_model), open_lazily(data=mirror))
    assert [d for d in found if d.state == "problem"] == []
    needed = [(d.area, d.name) for d in found if d.area not in (*MACHINE, "variables")]
    assert needed == [
        ("model", tiny_model.name),
        ("dataset", "gsm8k"),
        ("benchmark", "mini_piqa"),
    ]
    assert problems(request(tiny_model), open_lazily(data=mirror), offline=False) == []
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_a_checked_session_will_do(open_lazily: Open, mirror: Path, tiny_model: Path) -> None:
    from forget.session import open_session

    opened = open_session(out=open_lazily().workspace.root, data=mirror)
    (mirror / "gsm8k" / "test.parquet").unlink()
    [problem] = problems(request(tiny_model), opened, offline=False)
    assert problem.name == "gsm8k"


@pytest.mark.slow
def test_all_that_is_missing_is_named_at_once(
    open_lazily: Open, mirror: Path, tiny_model: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(tiny_model, tmp_path / "broken"))
    (broken / "tokenizer.json").unlink()
    (mirror / "gsm8k" / "train.parquet").unlink()
    session = open_lazily(data=mirror)
    asked = request(broken, benchmarks=("piqa", "boolq", "mini_piqa"))
    found = look(asked, session)
    bad = {d.name: d for d in found if d.state == "problem"}
    assert set(bad) == {"broken", "gsm8k", "piqa", "boolq"}
    assert "no tokenizer" in bad["broken"].found
    assert "none tokenised" in named(found, "mini_piqa").found
    assert commands(found) == [f"forget data fetch gsm8k piqa boolq --data {mirror}"]


@pytest.mark.slow
def test_what_runs_share_is_looked_at_once(
    open_lazily: Open, mirror: Path, tiny_model: Path
) -> None:
    asked = request(tiny_model, sweep={"lr": ["1e-5", "2e-5", "3e-5"]})
    found = look(asked, open_lazily(data=mirror))
    names = [(d.area, d.name) for d in found]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_a_mirror_that_does_not_exist(open_lazily: Open, tiny_model: Path, tmp_path: Path) -> None:
    found = look(request(tiny_model), open_lazily(data=tmp_path / "none"))
    assert "does not exist" in named(found, "gsm8k").found


def test_a_wrong_request_is_refused(open_lazily: Open, tiny_model: Path) -> None:
    with pytest.raises(UnknownNameError, match="no method named"):
        look(request(tiny_model, method="gt-stf"), open_lazily())
    with pytest.raises(SettingsError, match="no setting 'lrr'"):
        look(request(tiny_model, overrides={"lrr": "1"}), open_lazily())


@pytest.mark.slow
def test_a_method_that_waits_for_its_plugin(
    open_lazily: Open, tiny_model: Path, tmp_path: Path
) -> None:
    session = open_lazily(registries=[pending_method(tmp_path)])
    found = look(request(tiny_model, method="made"), session)
    assert named(found, "missing").state == "problem"
    assert "pip install forget-made" in named(found, "missing").found


@pytest.mark.slow
def test_pending_runs_of_a_study(open_lazily: Open, tiny_model: Path, tmp_path: Path) -> None:
    session = open_lazily(registries=[pending_method(tmp_path)])
    asked = RunRequest(study="mine", model=str(tiny_model), benchmarks=("mini_piqa",))
    waiting = named(look(asked, session), "method made")
    assert (waiting.state, waiting.remedy) == ("note", "pip install forget-made")


@pytest.mark.slow
def test_no_plugin(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGET_PLUGINS", "")
    found = look(RunRequest(method="gt-sft"), open_lazily())
    assert {named(found, name).state for name in ("installed", "missing")} == {"problem"}


REGISTRY = """\
[models.student]
title = "S"
summary = "s"
family = "llama3"
folder = "{folder}"
[models.writer]
title = "W"
summary = "s"
family = "other"
folder = "{folder}-gone"
[teachers.writer]
title = "W"
summary = "s"
family = "other"
kind = "transformers"
model = "writer"
[teachers.served]
title = "W"
summary = "s"
family = "other"
kind = "openai"
settings = {{ model = "m", base_url = "http://localhost:9/v1" }}
"""


@pytest.fixture
def registry(tmp_path: Path, tiny_model: Path) -> Path:
    """A student, a teacher whose model is gone, and one behind a server."""
    path = tmp_path / "mine.toml"
    path.write_text(REGISTRY.format(folder=tiny_model))
    return path


@pytest.mark.slow
def test_a_teacher_and_its_model(open_lazily: Open, registry: Path, mirror: Path) -> None:
    session = open_lazily(registries=[registry], data=mirror)
    asked = request(Path("student"), method="cf-sft", teacher="writer")
    found = look(asked, session)
    teacher, model = (d for d in found if d.name == "writer" and d.area != "dataset")
    assert {teacher.area, model.area} == {"teacher", "model"}
    [gone] = [d for d in found if d.state == "problem"]
    assert (gone.area, gone.name) == ("model", "writer")
    assert "no model folder" in gone.found


@pytest.mark.slow
def test_a_teacher_that_has_written_is_not_needed(
    open_lazily: Open, registry: Path, mirror: Path
) -> None:
    session = open_lazily(registries=[registry], data=mirror)
    asked = request(Path("student"), method="cf-sft", teacher="writer")
    data = session.workspace.run("demo", "student", "gsm8k", "cf-sft", 0).data
    data.mkdir(parents=True)
    seal(data, "data", {"rows": 0})
    assert "writer" not in {d.name for d in look(asked, session)}


@pytest.mark.slow
@pytest.mark.parametrize(("offline", "state"), [("0", "fine"), ("1", "note")])
def test_a_teacher_behind_a_server(
    offline: str,
    state: str,
    open_lazily: Open,
    registry: Path,
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = open_lazily(registries=[registry], data=mirror)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    asked = request(Path("student"), method="cf-sft", teacher="served")
    served = named(look(asked, session), "served")
    assert served.state == state
    assert "not asked" in served.found


@pytest.mark.slow
def test_what_is_replayed(
    open_lazily: Open, mirror: Path, tiny_model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "general.jsonl"
    file.write_text(json.dumps({"prompt": "Hi", "completion": "Hello"}) + "\n")
    changes = {"replay": "0.5", "replay_from": str(file)}
    session = open_lazily(data=mirror)
    asked = request(tiny_model, overrides=changes)
    assert named(look(asked, session), str(file)).found == "1 examples, all read"
    file.unlink()
    gone = named(look(asked, session), str(file))
    assert (gone.state, "no such file" in gone.found) == ("problem", True)


@pytest.mark.slow
def test_several_processes(open_lazily: Open, mirror: Path, tiny_model: Path) -> None:
    asked = request(tiny_model, overrides={"num_processes": "2"})
    assert named(look(asked, open_lazily(data=mirror)), "2 processes").area == "training"


@pytest.mark.slow
def test_trackers(
    open_lazily: Open, mirror: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forget.training.tracking.find_spec", lambda name: None)
    asked = request(tiny_model, overrides={"report_to": "trackio"})
    missing = named(look(asked, open_lazily(data=mirror)), "trackio")
    assert (missing.area, missing.state) == ("training", "problem")
    assert "pip install trackio" in missing.found
    monkeypatch.setattr("forget.training.tracking.find_spec", lambda name: True)
    assert named(look(asked, open_lazily(data=mirror)), "trackio").state == "fine"


@pytest.mark.slow
def test_a_benchmark_of_a_plugin_that_fails(
    open_lazily: Open, asking_site: Site, tiny_model: Path, mirror: Path
) -> None:
    (asking_site.folder / "phoning.py").write_text("def load(**_):\n    return 1 / 0\n")
    asked = request(tiny_model, benchmarks=("phoning",))
    failed = named(look(asked, open_lazily(data=mirror)), "phoning")
    assert failed.state == "problem"
    assert "ZeroDivisionError" in failed.found


def test_an_error_that_nobody_foresaw() -> None:
    def look() -> Found:
        raise KeyError("column\nname")

    diagnosis = _diagnose(Check("dataset", "mine", look, "forget data"))
    assert diagnosis.state == "problem"
    assert diagnosis.found == "KeyError: 'column\\nname'"
    assert diagnosis.command == "forget data"


class Watching(Silent):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []
        self.total: int | None = 0

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        self.total = total
        yield lambda steps, detail="": self.told.append((steps, detail))


@pytest.mark.slow
def test_it_says_what_it_looks_at(open_lazily: Open) -> None:
    watching = Watching()
    found = examine(None, open_lazily(), watching)
    assert watching.total == len(found) == sum(steps for steps, _ in watching.told)
    assert (0, "environment torch") in watching.told


def test_commands_are_real_ones_and_each_is_there_once() -> None:
    mirror = Mirror(root=Path("/data/a mirror"))
    lines = [
        fetch_data(["gsm8k"], mirror),
        fetch_data(["piqa"], mirror),
        fetch_data(["piqa"], Mirror()),
        "hf download a/b",
        "hf download c/d",
        "hf download a/b",
        "",
    ]
    found = [
        Diagnosis(area="a", name="n", state="problem", found="f", command=line) for line in lines
    ]
    assert commands(found) == [
        "forget data fetch gsm8k piqa --data '/data/a mirror'",
        "forget data fetch piqa --data mirror",
        "hf download a/b",
        "hf download c/d",
    ]
