"""`--restrict-to`: exactly the questions that another run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.dataset import Dataset
from forget.errors import DataError
from forget.method import PrepareTask, TrainingSettings
from forget.restriction import Restricted, read_restriction
from forget.training import Conversation, read_examples, write_examples
from forget_methods.gt_sft import GtSft
from training.trajectories.conftest import Graded, NoData

KEPT = (1, 4, 5)
TWO = ("train-1", "train-4")


@pytest.fixture
def other(tiny_model: Path, tmp_path: Path) -> Path:
    """A run directory whose data have two answers to one of three questions."""
    run = tmp_path / "runs" / "demo" / "tiny" / "graded" / "sf-sft" / "seed-0"
    write_examples(
        task(tiny_model, run / "data"),
        [
            Conversation(f"train-{n}#{s}", [{"role": "user", "content": "?"}], "!", f"train-{n}")
            for n, s in ((1, 0), (4, 0), (4, 1), (5, 2))
        ],
    )
    return run


def task(model: Path, output: Path, dataset: Dataset | None = None) -> PrepareTask:
    return PrepareTask(
        dataset=dataset or Graded(),
        data=NoData(),
        model=model,
        settings=TrainingSettings(),
        seed=0,
        output=output,
    )


def test_ground_truth_on_exactly_those_questions(
    other: Path, tiny_model: Path, tmp_path: Path
) -> None:
    restricted = Restricted(Graded(), read_restriction(other, "graded"))
    assert isinstance(restricted, Dataset)
    prepared = task(tiny_model, tmp_path / "gt" / "data", restricted)
    GtSft().prepare(prepared)
    rows = read_examples(prepared.output)
    assert [row.id for row in rows] == [f"train-{n}" for n in KEPT]
    assert rows[0].completion == "1 plus 1 is 2"
    assert rows[0].messages == Graded().prompt(Graded().load("train", NoData())[1])


def test_the_data_folder_will_do_too_and_the_label_tells_the_method(other: Path) -> None:
    by_run, by_data = (read_restriction(f, "graded") for f in (other, other / "data"))
    assert by_run.questions == by_data.questions == {f"train-{n}" for n in KEPT}
    assert by_run.frozen() == {"questions": 3, "digest": by_run.digest}
    assert by_run.label == by_data.label == f"on-sf-sft-{by_run.digest[:6]}"


def test_only_the_training_split_is_restricted(other: Path) -> None:
    restricted = Restricted(Graded(), read_restriction(other, "graded"))
    assert len(restricted.load("test", NoData())) == 12


def test_questions_that_are_not_here(other: Path) -> None:
    restricted = Restricted(Graded(count=5), read_restriction(other, "graded"))
    with pytest.raises(DataError, match=r"kept 3 questions of 'graded', of which only 2 are in"):
        restricted.load("train", NoData())


def test_another_dataset(other: Path) -> None:
    with pytest.raises(DataError, match="that run trains on 'graded', and this one on 'gsm8k'"):
        read_restriction(other, "gsm8k")


@pytest.mark.parametrize("spoil", ["missing", "no manifest", "edited"])
def test_no_complete_data(other: Path, spoil: str) -> None:
    folder = other
    if spoil == "missing":
        folder = other / "nowhere"
    elif spoil == "no manifest":
        (other / "data" / "manifest.json").unlink()
    else:
        path = other / "data" / "train.parquet"
        path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2"))
    with pytest.raises(DataError) as failure:
        read_restriction(folder, "graded")
    assert "complete" in str(failure.value)


@pytest.mark.slow
def test_a_restricted_run_has_a_folder_and_a_name_of_its_own(
    other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forget.plan import RunRequest, plan
    from forget.session import open_session

    session = open_session(out=tmp_path)
    common: dict[str, Any] = {"method": "gt-sft", "benchmarks": ("mini_piqa",), "limit": 2}
    [free] = plan(RunRequest(**common), session).runs
    with pytest.raises(DataError, match="trains on 'graded'"):
        plan(RunRequest(**common, restrict_to=other), session)
    manifest = other / "data" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"graded"', '"arithmetic"'))
    [restricted] = plan(RunRequest(**common, restrict_to=other), session).runs
    assert restricted.restriction is not None
    label = restricted.restriction.label
    assert restricted.folder.path.parent.name == f"gt-sft-{label}"
    assert restricted.title == free.title.replace("gt-sft", f"gt-sft {label}")
    assert restricted.frozen()["restrict_to"] == restricted.restriction.frozen()
    assert free.frozen()["restrict_to"] is None


def test_questions_that_are_left_out_are_told(
    other: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from forget.progress import Silent
    from forget.run import _note_left_out

    restriction = read_restriction(other, "graded")
    notes: list[str] = []
    silent = Silent()
    monkeypatch.setattr(silent, "note", notes.append)
    all_of_them, two = (tmp_path / name / "data" for name in ("all", "two"))
    for output, dataset in (
        (all_of_them, Restricted(Graded(), restriction)),
        (two, Restricted(Graded(), attrs.evolve(restriction, questions=frozenset(TWO)))),
    ):
        GtSft().prepare(task(tiny_model, output, dataset))
        run: Any = SimpleNamespace(folder=SimpleNamespace(data=output))
        _note_left_out(run, restriction, silent)
    [note] = notes
    assert note.startswith(f"1 of the 3 questions of {other} are left out")
