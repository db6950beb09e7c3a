from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from evaluation.sweeping import (
    DIGEST,
    MODEL,
    Killed,
    Notes,
    Sheet,
    Stub,
    by_heart,
    content,
    flip,
    journals,
    killed,
    raise_score,
    run,
    undisturbed,
)
from forget.benchmark import Benchmark
from forget.completion import Sampling
from forget.errors import DataError
from forget.evaluation.answers import Answers
from forget.evaluation.exam import BenchmarkExam, Exam
from forget.evaluation.items import read_items
from forget.evaluation.sweep import Sweep, fingerprint_name, read_evaluation
from forget.inference.engine import Complete, Request, Score
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.layout import Workspace
from forget.store.manifest import read_manifest, verify


@pytest.fixture
def exams(benchmarks: dict[str, Benchmark]) -> list[Exam]:
    """One benchmark of 8 items (16 requests), and one of two tasks and 5 items (20 requests)."""
    mmlu = benchmarks["mini_mmlu"]
    two = attrs.evolve(mmlu, tasks=mmlu.tasks[:2])
    return [
        BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 8),
        BenchmarkExam(two, Mirror(), 5),
    ]


# --- results


def test_results_are_those_of_the_exam(exams: list[Exam], workspace: Workspace) -> None:
    sweep = Sweep(workspace, Sheet(), exams)
    found = run(sweep)
    assert [e.exam for e in found] == ["mini_piqa", "mini_mmlu"]
    for exam, evaluation in zip(exams, found, strict=True):
        requests = exam.requests(MODEL)
        marked = exam.mark([by_heart(request) for request in requests])
        assert read_items(evaluation.items_file) == marked.items
        assert evaluation.score == marked.score
        assert evaluation.items == len(marked.items)
        assert (evaluation.metric, evaluation.details) == (exam.metric, marked.details)
        assert evaluation.folder == sweep.folder(DIGEST, exam)
        manifest = verify(evaluation.folder)
        assert manifest is not None
        assert manifest.kind == "evaluation"
        assert manifest.details["model_digest"] == DIGEST
        assert manifest.details["fingerprint"] == sweep.engine.fingerprint()
        assert manifest.details["work_digest"] == sweep.engine.prepare(requests, MODEL).digest
    assert list(sweep.results(DIGEST)) == found
    assert journals(workspace) == []


def test_folders_say_model_exam_and_engine(exams: list[Exam], workspace: Workspace) -> None:
    sweep = Sweep(workspace, Sheet(), exams)
    name = fingerprint_name(Sheet())
    assert name.startswith("sheet-none-exact-")
    assert sweep.relative_folders(DIGEST) == {
        exam.name: f"evaluations/{DIGEST[:16]}/{exam.key()}/{name}" for exam in exams
    }
    run(sweep)
    for relative in sweep.relative_folders(DIGEST).values():
        assert read_evaluation(workspace.root / relative) is not None


def test_every_batch_is_asked_once_and_as_planned(exams: list[Exam], workspace: Workspace) -> None:
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    planned = []
    for exam in exams:
        requests = exam.requests(MODEL)
        batches = engine.prepare(requests, MODEL).batches
        planned += [[requests[i] for i in batch.requests] for batch in batches]
    assert engine.asked == planned
    assert engine.loads == [MODEL]


def test_finished_results_are_written_once(exams: list[Exam], workspace: Workspace) -> None:
    first = run(Sweep(workspace, Sheet(), exams))
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    engine = Sheet(kill_after=0)
    sweep = Sweep(workspace, engine, exams)
    assert sweep.missing(DIGEST) == []
    assert run(sweep) == first
    assert engine.loads == []
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before


def test_another_run_uses_the_results_of_the_same_weights(
    exams: list[Exam], workspace: Workspace, benchmarks: dict[str, Benchmark], tmp_path: Path
) -> None:
    """The base is scored once for all runs in an output folder, under whatever name it comes."""
    base, copy = tmp_path / "base", tmp_path / "copy"
    base.mkdir()
    copy.mkdir()
    first = run(Sweep(workspace, Sheet(), exams), model=base)
    again = [
        BenchmarkExam(benchmarks["mini_winogrande"], Mirror(), 4),
        BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 8),
    ]
    engine = Sheet()
    second = Sweep(workspace, engine, again).run(copy, DIGEST, "step-000000", Silent())
    assert second[1] == first[0]
    assert sum(map(len, engine.asked)) == len(again[0].requests(MODEL))


@pytest.mark.slow
@pytest.mark.parametrize("other", ["digest", "fingerprint", "limit"])
def test_other_weights_engines_or_limits_are_scored_anew(
    exams: list[Exam], workspace: Workspace, benchmarks: dict[str, Benchmark], other: str
) -> None:
    run(Sweep(workspace, Sheet(), exams))
    before = content(workspace.root)
    engine = Sheet(version="2") if other == "fingerprint" else Sheet()
    if other == "limit":
        exams = [BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 7)]
    sweep = Sweep(workspace, engine, exams)
    digest = "e" * 64 if other == "digest" else DIGEST
    assert sweep.missing(digest) == exams
    run(sweep, digest=digest)
    assert engine.asked
    assert content(workspace.root).items() >= before.items()


# --- killed and continued


@pytest.mark.slow
@pytest.mark.parametrize("batches", range(13))
def test_a_killed_evaluation_asks_only_what_is_missing(
    exams: list[Exam], workspace: Workspace, tmp_path: Path, batches: int
) -> None:
    """16 requests are 6 batches of 3 at most, 20 are 7; death may come before any of the 13."""
    first, second = Sheet(kill_after=batches), Sheet()
    killed(Sweep(workspace, first, exams))
    found = run(Sweep(workspace, second, exams))
    assert len(first.asked) == batches
    whole = Sheet()
    calm = run(Sweep(Workspace(tmp_path / "calm"), whole, exams))
    assert first.asked + second.asked == whole.asked
    assert [e.score for e in found] == [e.score for e in calm]
    assert content(workspace.root) == content(tmp_path / "calm")


def test_killed_again_and_again(exams: list[Exam], workspace: Workspace, tmp_path: Path) -> None:
    for _ in range(12):
        killed(Sweep(workspace, Sheet(kill_after=1), exams))
    run(Sweep(workspace, Sheet(), exams))
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_journal_cut_in_the_middle_of_a_line(
    exams: list[Exam], workspace: Workspace, tmp_path: Path, cut: int
) -> None:
    """The last line is lost; its batch is asked again as a whole, those before it are not."""
    first, second = Sheet(kill_after=4), Sheet()
    (journal,) = killed(Sweep(workspace, first, exams))
    text = journal.read_bytes()
    assert b"\n" not in text[-cut:-1]
    journal.write_bytes(text[:-cut])
    run(Sweep(workspace, second, exams))
    assert first.asked[:3] + second.asked == [*first.asked, *second.asked[1:]]
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


def test_a_journal_cut_and_killed_once_more(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    """What is written after a line that was cut must not become a part of it."""
    (journal,) = killed(Sweep(workspace, Sheet(kill_after=4), exams))
    journal.write_bytes(journal.read_bytes()[:-7])
    killed(Sweep(workspace, Sheet(kill_after=1), exams))
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert len(engine.asked) == 2 + 7
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


def test_a_journal_without_its_first_line_or_empty(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    (journal,) = killed(Sweep(workspace, Sheet(kill_after=4), exams))
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))
    for journal in killed(Sweep(workspace, Sheet(kill_after=2), exams)):
        journal.write_bytes(b"")
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert len(engine.asked) == 13
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


def test_killed_between_the_result_and_the_end_of_its_answers(
    exams: list[Exam], workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Answers) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Answers, "discard", die)
        killed(Sweep(workspace, Sheet(), exams))
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert sum(map(len, engine.asked)) == 20  # the first exam's result is there
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


@pytest.mark.parametrize(
    "other",
    [
        [Score("a", " x"), Score("b", " x"), Score("c", " x"), Score("e", " x")],
        [Score("a", " x"), Score("b", " x"), Score("c", " x"), Score("d", " y")],
        [Score("b", " x"), Score("a", " x"), Score("c", " x"), Score("d", " x")],
        [Score("a", " x"), Score("b", " x"), Score("c", " x")],
        [Complete(text, Sampling(max_new_tokens=1)) for text in "abcd"],
    ],
)
def test_a_journal_of_other_requests_is_started_afresh(
    workspace: Workspace, other: list[Request]
) -> None:
    asked = [Score(text, " x") for text in "abcd"]
    killed(Sweep(workspace, Sheet(batch=1, kill_after=3), [Stub(asked)]))
    engine = Sheet(batch=1)
    (found,) = run(Sweep(workspace, engine, [Stub(other)]))
    assert len(engine.asked) == len(other)
    assert [i.response for i in read_items(found.items_file)] == [by_heart(r) for r in other]


def test_answers_of_other_batches_are_not_these(workspace: Workspace, exams: list[Exam]) -> None:
    """What a request is answered may depend on what it shares a batch with."""
    killed(Sweep(workspace, Sheet(batch=4, kill_after=3), exams))
    engine = Sheet(batch=2)
    run(Sweep(workspace, engine, exams))
    assert [len(batch) for batch in engine.asked] == [2] * ((16 + 20) // 2)


def test_options_of_a_completion_are_part_of_the_request(workspace: Workspace) -> None:
    asked = [Complete(text, Sampling(max_new_tokens=1)) for text in "abcd"]
    longer = [Complete(text, Sampling(max_new_tokens=2)) for text in "abcd"]
    killed(Sweep(workspace, Sheet(batch=1, kill_after=3), [Stub(asked)]))
    engine = Sheet(batch=1)
    run(Sweep(workspace, engine, [Stub(longer)]))
    assert len(engine.asked) == 4


# --- prepared once


def test_what_is_worth_knowing_of_the_work_is_told_and_kept(
    exams: list[Exam], workspace: Workspace
) -> None:
    engine, notes = Sheet(facts={"truncated_requests": 1234}), Notes()
    found = Sweep(workspace, engine, exams).run(MODEL, DIGEST, "base", notes)
    assert notes.lines == [f"{exam.name}: truncated requests: 1,234" for exam in exams]
    assert [evaluation.details["truncated_requests"] for evaluation in found] == [1234, 1234]
    notes = Notes()
    Sweep(workspace, Sheet(), [Stub([Score("a", " x")])]).run(MODEL, DIGEST, "base", notes)
    assert notes.lines == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({}, 1),
        ({"model.safetensors": "other weights"}, 1),
        ({"README.md": "Hello", "rng_state.pth": ""}, 1),
        ({"tokenizer.json": '{"other": 1}'}, 2),
        ({"config.json": '{"max_position_embeddings": 9}'}, 2),
        ({"chat_template.jinja": "{{ messages }}"}, 2),
    ],
    ids=["same", "weights", "unread", "tokenizer", "window", "template"],
)
def test_models_with_the_same_tokenizer_share_the_work(
    exams: list[Exam], workspace: Workspace, tmp_path: Path, change: dict[str, str], times: int
) -> None:
    base, checkpoint = tmp_path / "base", tmp_path / "checkpoint"
    for folder in (base, checkpoint):
        folder.mkdir()
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (folder / name).write_text("{}")
    for name, text in change.items():
        (checkpoint / name).write_text(text)
    engine, notes = Sheet(), Notes()
    sweep = Sweep(workspace, engine, exams)
    sweep.run(base, DIGEST, "base", notes)
    sweep.run(checkpoint, "e" * 64, "checkpoint", notes)
    assert engine.prepared == [base, base, checkpoint, checkpoint][: 2 * times]
    assert engine.loads == [base, checkpoint]
    assert len(list(sweep.results("e" * 64))) == 2


def test_adapters_of_other_bases_do_not_share_the_work(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    """An adapter has the tokenizer beside it, but its base's context window."""
    adapters = []
    for window in (512, 4096):
        base, adapter = tmp_path / f"base-{window}", tmp_path / f"adapter-{window}"
        base.mkdir()
        (base / "config.json").write_text(json.dumps({"max_position_embeddings": window}))
        adapter.mkdir()
        (adapter / "tokenizer.json").write_text("{}")
        config = {"base_model_name_or_path": str(base)}
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        adapters.append(adapter)
    engine = Sheet()
    sweep = Sweep(workspace, engine, exams[:1])
    for adapter, digest in zip(adapters, ("d" * 64, "e" * 64), strict=True):
        sweep.run(adapter, digest, "adapter", Silent())
    assert engine.prepared == adapters


# --- damage


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "items.parquet"),
        lambda folder: flip(folder / "results.json"),
        lambda folder: (folder / "items.parquet").unlink(),
        lambda folder: (folder / "items.parquet").write_bytes(b""),
        raise_score,
        lambda folder: flip(folder / "manifest.json"),
    ],
    ids=["items", "result", "lost", "empty", "score", "manifest"],
)
def test_a_result_changed_by_hand_is_computed_again_and_no_other(
    exams: list[Exam], workspace: Workspace, damage: Callable[[Path], None]
) -> None:
    first, second = run(Sweep(workspace, Sheet(), exams))
    before = content(workspace.root)
    damage(first.folder)
    engine, notes = Sheet(), Notes()
    found = Sweep(workspace, engine, exams).run(MODEL, DIGEST, "base", notes)
    assert found == [first, second]
    assert sum(map(len, engine.asked)) == 16
    assert content(workspace.root) == before
    (line,) = notes.lines
    assert str(first.folder) in line
    assert "evaluating it again" in line


def test_what_was_not_sealed_is_not_a_result(exams: list[Exam], workspace: Workspace) -> None:
    (first, _) = run(Sweep(workspace, Sheet(), exams))
    (first.folder / "manifest.json").unlink()
    sweep = Sweep(workspace, Sheet(), exams)
    assert read_evaluation(first.folder) is None
    assert [exam.name for exam in sweep.missing(DIGEST)] == ["mini_piqa"]
    assert [e.exam for e in sweep.results(DIGEST)] == ["mini_mmlu"]
    assert run(sweep)[0] == first


def test_a_folder_sealed_as_something_else_is_not_a_result(
    workspace: Workspace, tiny_model: Path
) -> None:
    from forget.store.manifest import seal

    folder = workspace.root / "model"
    shutil.copytree(tiny_model, folder)
    seal(folder, "model", {})
    assert read_manifest(folder) is not None
    assert read_evaluation(folder) is None
    assert read_evaluation(workspace.root / "nowhere") is None


# --- what cannot be scored


def test_an_exam_that_asks_nothing(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="stub has no items to score"):
        run(Sweep(workspace, Sheet(), [Stub([])]))
    assert content(workspace.root) == {}


def test_a_failure_keeps_the_exams_before_it(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(DataError):
        run(Sweep(workspace, Sheet(), [exams[0], Stub([]), exams[1]]))
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert sum(map(len, engine.asked)) == 20
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")
