"""Runs, checkpoints in them, and models; results of lm-eval have tests of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from foreign_results import make_results
from forget.errors import DataError, ModelError
from forget.progress import Silent
from forget.session import EngineOptions, Session, open_session
from forget.verdict.answered import Side
from forget.verdict.sides import evaluated, find_sides, is_model
from made_study import Study

CPU = EngineOptions(device="cpu")


def one(text: object, session: Session, *selection: str, limit: int | None = None) -> Side:
    return find_sides((str(text), str(text)), session, selection or None, limit)[0]


# --- runs


def test_a_run_is_its_last_checkpoint(study: Study) -> None:
    run = study.run("gt-sft").folder.path
    found = one(run, study.session)
    assert found.name == str(run)
    assert found.model.endswith("gt-sft / seed 0, step-000200")
    assert found.evaluate is None
    assert evaluated(found, Silent()) is found
    *benchmarks, task = found.answered.values()
    assert len(benchmarks) == 10
    assert task.is_task
    assert "n-shot" not in task.settings
    first = benchmarks[0]
    assert (first.title, first.metric, first.chance) == ("mini ARC-Challenge", "acc_norm", 0.25)
    assert first.settings["n-shot"] == "0"
    assert first.settings["questions"]
    assert first.settings["engine"].startswith("builtin")
    assert first.details["required_items"] == len(first.read())
    for text in (f"{run}:step-000200", run / "checkpoints" / "step-000200"):
        assert (
            one(text, study.session).answered["mini_piqa"].read()
            == found.answered["mini_piqa"].read()
        )


def test_other_models_of_a_run(study: Study) -> None:
    run = study.run("gt-sft").folder.path
    base, first = one(f"{run}:base", study.session), one(f"{run}:step-000100", study.session)
    assert base.model == study.run("gt-sft").model.name
    assert base.answered["mini_piqa"].read() != first.answered["mini_piqa"].read()
    with pytest.raises(DataError, match=r"evaluated no 'step-1'. It has base, step-000100, step-"):
        one(f"{run}:step-1", study.session)


def test_what_a_run_has_not_evaluated_yet(study: Study) -> None:
    run = study.run("gt-sft")
    study.unscore(run.model.digest(), "mini_piqa")
    found = one(f"{run.folder.path}:base", study.session)
    assert "mini_piqa" not in found.answered
    assert found.left_out == {
        "mini_piqa": "it has not been evaluated on it yet; continue the run by its own command"
    }


def test_a_run_that_was_never_evaluated(study: Study) -> None:
    run = study.untrain("gt-sft").folder
    with pytest.raises(DataError, match="has not been evaluated yet"):
        one(run.path, study.session)
    assert is_model(str(run.path / "checkpoints" / "step-000100"))


def test_a_damaged_evaluation(study: Study) -> None:
    run = study.run("gt-sft")
    [folder] = study.workspace.evaluations_of(run.model.digest()).glob("mini_piqa-*/*")
    file = folder / "items.parquet"
    changed = bytearray(file.read_bytes())
    changed[100] ^= 1
    file.unlink()  # other evaluations are links to the same file
    file.write_bytes(changed)
    with pytest.raises(DataError, match="is damaged or was changed"):
        one(f"{run.folder.path}:base", study.session)


def test_a_run_that_was_moved(study: Study, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    study.run("gt-sft").folder.path.rename(moved)
    with pytest.raises(DataError, match="does not stand where runs do"):
        one(moved, study.session)


# --- models


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_session(out=tmp_path / "out", options=CPU)


def test_a_model_is_evaluated_like_by_forget_eval(tiny_model: Path, session: Session) -> None:
    found = one(tiny_model, session, "mini_piqa", limit=4)
    answers = found.answered["mini_piqa"]
    assert (answers.metric, answers.details) == ("acc_norm", {"required_items": 100})
    assert answers.questions is not None
    assert not (session.workspace.root / "evaluations").exists()
    done = evaluated(found, Silent())
    assert done.evaluate is None
    items = done.answered["mini_piqa"].read()
    assert [(i.task, i.doc_hash, i.doc_id) for i in items] == answers.questions()
    assert done.answered["mini_piqa"].settings == answers.settings
    again = one(tiny_model, session, "mini_piqa", limit=4)
    assert again.answered["mini_piqa"].questions is None  # it is there already
    assert evaluated(again, Silent()).answered["mini_piqa"].read() == items


def test_a_model_is_evaluated_on_what_the_other_side_has(
    tiny_model: Path, session: Session, tmp_path: Path
) -> None:
    tasks = {"mini_piqa": {"acc_norm": [1.0]}, "somebodys_own": {"acc": [1.0]}}
    make_results(tmp_path / "results", tasks)
    texts = (str(tmp_path / "results"), str(tiny_model))
    foreign, model = find_sides(texts, session, None, 4)
    assert list(foreign.answered) == ["mini_piqa", "somebodys_own"]
    assert list(model.answered) == ["mini_piqa"]


def test_lm_evals_own_model_goes_by_its_name(tiny_model: Path, tmp_path: Path) -> None:
    options = EngineOptions(device="cpu", engine="stock")
    session = open_session(out=tmp_path / "out", options=options)
    settings = one(tiny_model, session, "mini_piqa").answered["mini_piqa"].settings
    assert (settings["engine"], settings["batch_size"]) == ("hf", "16")


def test_a_model_with_results_beside_it_is_a_model(tiny_model: Path, tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0]}})
    assert not is_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert is_model(str(tmp_path))


@pytest.mark.parametrize("name", ["nothing", "folder"])
def test_what_is_nothing(name: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    text = str(tmp_path / name)
    with pytest.raises(ModelError, match="neither a run directory nor results of lm-eval, and no"):
        one(text, session, "mini_piqa")
