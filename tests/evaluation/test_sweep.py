from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark
from forget.completion import Sampling
from forget.errors import DataError, WorkError
from forget.evaluation.exam import BenchmarkExam, Exam, Marked, TaskExam
from forget.evaluation.items import Item, read_items
from forget.evaluation.stock import StockEngine
from forget.evaluation.sweep import Evaluation, Sweep, fingerprint_name, read_evaluation
from forget.inference.engine import Batch, Complete, Engine, Request, RunningModel, Score
from forget.inference.machine import Machine
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.layout import Workspace
from forget.store.manifest import read_manifest, verify
from forget_datasets.arithmetic import Arithmetic

DIGEST = "d" * 64
CPU = Machine(device="cpu", device_name="", dtype="float32")
MODEL = Path("/no/such/model")


class Killed(BaseException):
    """What a signal raises: nothing may catch it and go on."""


@attrs.define
class Sheet:
    """An engine that knows all answers by heart: a hash of what is asked.

    Attributes:
        batch: Requests in a batch.
        kill_after: Raise after so many batches; never if None.
        version: Part of the fingerprint.
        loads: Model folders that were loaded.
        asked: The batches that were answered.
    """

    batch: int = 3
    kill_after: int | None = None
    version: str = "1"
    name: str = "sheet"
    loads: list[Path] = attrs.field(factory=list)
    asked: list[list[Request]] = attrs.field(factory=list)

    def fingerprint(self) -> Mapping[str, str]:
        return {"engine": self.name, "device": "none", "dtype": "exact", "version": self.version}

    def plan(self, requests: Sequence[Request]) -> list[Batch]:
        order = range(len(requests) - 1, -1, -1)  # any order will do, but not that of the requests
        return [tuple(order[i : i + self.batch]) for i in range(0, len(order), self.batch)]

    def load(self, folder: Path) -> RunningModel:
        self.loads.append(folder)
        return self

    def answer(self, requests: Sequence[Request]) -> list[Any]:
        if self.kill_after is not None and len(self.asked) == self.kill_after:
            raise Killed
        self.asked.append(list(requests))
        return [_by_heart(request) for request in requests]


def _by_heart(request: Request) -> list[Any]:
    digest = hashlib.sha256(repr(request).encode()).digest()
    # A float that JSON must carry to the last bit.
    return [-int.from_bytes(digest[:7], "big") / 1e15, digest[7] % 2 == 0]


@attrs.define
class Interrupted:
    """An engine that dies before the batch after the last one it is granted."""

    engine: Engine
    granted: int
    asked: int = 0

    @property
    def name(self) -> str:
        return self.engine.name

    def fingerprint(self) -> Mapping[str, str]:
        return self.engine.fingerprint()

    def plan(self, requests: Sequence[Request]) -> list[Batch]:
        return self.engine.plan(requests)

    def load(self, folder: Path) -> RunningModel:
        return _Counting(self, self.engine.load(folder))


@attrs.define
class _Counting:
    owner: Interrupted
    model: RunningModel

    def answer(self, requests: Sequence[Request]) -> list[Any]:
        if self.owner.asked == self.owner.granted:
            raise Killed
        self.owner.asked += 1
        return self.model.answer(requests)


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def exams(benchmarks: dict[str, Benchmark]) -> list[Exam]:
    """One benchmark of 8 items (16 requests), and one of two tasks and 5 items (20 requests)."""
    mmlu = benchmarks["mini_mmlu"]
    two = attrs.evolve(mmlu, tasks=mmlu.tasks[:2])
    return [
        BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 8),
        BenchmarkExam(two, Mirror(), 5),
    ]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out")


def run(sweep: Sweep, model: Path = MODEL, digest: str = DIGEST) -> list[Evaluation]:
    return sweep.run(model, digest, "base", Silent())


def content(root: Path) -> dict[str, bytes]:
    """Return every file below a folder, by path, to the byte."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def undisturbed(exams: Sequence[Exam], folder: Path) -> dict[str, bytes]:
    run(Sweep(Workspace(folder), Sheet(), exams))
    return content(folder)


def journals(workspace: Workspace) -> list[Path]:
    return sorted(workspace.root.rglob("*.jsonl"))


def killed(sweep: Sweep, model: Path = MODEL) -> Path:
    """Run a sweep that dies; return the one journal it leaves."""
    with pytest.raises(Killed):
        run(sweep, model)
    (journal,) = journals(sweep.workspace)
    return journal


# --- results


def test_results_are_those_of_the_exam(exams: list[Exam], workspace: Workspace) -> None:
    sweep = Sweep(workspace, Sheet(), exams)
    found = run(sweep)
    assert [e.exam for e in found] == ["mini_piqa", "mini_mmlu"]
    for exam, evaluation in zip(exams, found, strict=True):
        requests = exam.requests(MODEL)
        marked = exam.mark([_by_heart(request) for request in requests])
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
        planned += [[requests[i] for i in batch] for batch in engine.plan(requests)]
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
    exams: list[Exam], workspace: Workspace, benchmarks: dict[str, Benchmark]
) -> None:
    """The base is scored once for all runs in an output folder, under whatever name it comes."""
    first = run(Sweep(workspace, Sheet(), exams), model=Path("/models/base"))
    again = [
        BenchmarkExam(benchmarks["mini_winogrande"], Mirror(), 4),
        BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 8),
    ]
    engine = Sheet()
    second = Sweep(workspace, engine, again).run(Path("/copy"), DIGEST, "step-000000", Silent())
    assert second[1] == first[0]
    assert sum(map(len, engine.asked)) == len(again[0].requests(MODEL))


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


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_journal_cut_in_the_middle_of_a_line(
    exams: list[Exam], workspace: Workspace, tmp_path: Path, cut: int
) -> None:
    """The last line is lost; its batch is asked again as a whole, those before it are not."""
    first, second = Sheet(kill_after=4), Sheet()
    journal = killed(Sweep(workspace, first, exams))
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
    journal = killed(Sweep(workspace, Sheet(kill_after=4), exams))
    journal.write_bytes(journal.read_bytes()[:-7])
    killed(Sweep(workspace, Sheet(kill_after=1), exams))
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert len(engine.asked) == 2 + 7
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


def test_a_journal_without_its_first_line_or_empty(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    journal = killed(Sweep(workspace, Sheet(kill_after=4), exams))
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))
    killed(Sweep(workspace, Sheet(kill_after=2), exams))
    journal.write_bytes(b"")
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert len(engine.asked) == 13
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")


@attrs.define
class Stub:
    """An exam with a fixed name, as one whose prompts changed although its key did not."""

    asked: Sequence[Request]
    name: str = "stub"
    metric: str = "acc"

    def key(self) -> str:
        return "stub-0"

    def check(self) -> None:
        pass

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        return list(self.asked)

    def mark(self, responses: Sequence[Any]) -> Marked:
        items = [
            Item(
                task="stub",
                doc_id=index,
                doc_hash=str(index),
                score=response[0],
                metrics={"acc": response[0]},
                prompt="",
                target="",
                response=response,
            )
            for index, response in enumerate(responses)
        ]
        return Marked(items, sum(item.score for item in items) / len(items), {})


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
    assert [i.response for i in read_items(found.items_file)] == [_by_heart(r) for r in other]


def test_options_of_a_completion_are_part_of_the_request(workspace: Workspace) -> None:
    asked = [Complete(text, Sampling(max_new_tokens=1)) for text in "abcd"]
    longer = [Complete(text, Sampling(max_new_tokens=2)) for text in "abcd"]
    killed(Sweep(workspace, Sheet(batch=1, kill_after=3), [Stub(asked)]))
    engine = Sheet(batch=1)
    run(Sweep(workspace, engine, [Stub(longer)]))
    assert len(engine.asked) == 4


# --- the real engine


@pytest.fixture
def real_exams(benchmarks: dict[str, Benchmark]) -> list[Exam]:
    """All kinds of request: log-likelihoods, lm-eval's texts, and completions of a task."""
    dataset = Arithmetic()
    dataset.max_new_tokens = 6
    return [
        BenchmarkExam(benchmarks["mini_hellaswag"], Mirror(), 6),
        BenchmarkExam(benchmarks["mini_ifeval"], Mirror(), 6),
        TaskExam(dataset, Mirror(), 6),
    ]


def test_the_stock_engine_continues_to_the_same_items(
    real_exams: list[Exam], workspace: Workspace, wide_model: Path, tmp_path: Path
) -> None:
    """Killed before every batch in turn; the last attempt must find what an undisturbed run does.

    Each attempt loads the model again, as a process that was started anew does.
    """
    calm = Workspace(tmp_path / "calm")
    engine = StockEngine(CPU, batch_size=1)
    expected = run(Sweep(calm, engine, real_exams), wide_model)
    batches = sum(len(engine.plan(exam.requests(wide_model))) for exam in real_exams)
    assert batches > 6
    for _ in range(batches - 1):
        killed(Sweep(workspace, Interrupted(engine, granted=1), real_exams), wide_model)
    last = Interrupted(engine, granted=99)
    found = run(Sweep(workspace, last, real_exams), wide_model)
    assert last.asked == 1
    assert [e.score for e in found] == [e.score for e in expected]
    assert content(workspace.root) == content(calm.root)


def test_answers_of_the_stock_engine_are_whole(
    real_exams: list[Exam], workspace: Workspace, wide_model: Path
) -> None:
    likelihoods, texts, task = run(Sweep(workspace, StockEngine(CPU), real_exams), wide_model)
    for item in read_items(likelihoods.items_file):
        assert len({log_p for log_p, _ in item.response}) == len(item.response) == 4
        assert max(log_p for log_p, _ in item.response) < 0
    assert len({item.response[0] for item in read_items(texts.items_file)}) == 6
    assert len({item.response[0] for item in read_items(task.items_file)}) > 1
    assert task.details == {"truncation_rate": 1.0, "mean_tokens": 6.0}


# --- damage


def flip(path: Path) -> None:
    """Change one byte in the middle: the size stays."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def raise_score(folder: Path) -> None:
    file = folder / "results.json"
    plain = json.loads(file.read_text())
    file.write_text(json.dumps(plain | {"score": 1.0}))


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


@pytest.fixture
def damaged_model(wide_model: Path, tmp_path: Path) -> Path:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "diverged"
    shutil.copytree(wide_model, folder)
    weights = load_file(folder / "model.safetensors")
    for tensor in weights.values():
        tensor.fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    "index",
    [
        0,
        1,
        2,
    ],
    ids=["likelihoods", "texts", "completions"],
)
def test_weights_that_are_no_numbers_are_no_score(
    real_exams: list[Exam], workspace: Workspace, damaged_model: Path, index: int
) -> None:
    sweep = Sweep(workspace, StockEngine(CPU), [real_exams[index]])
    with pytest.raises(WorkError) as caught:
        run(sweep, damaged_model)
    assert str(damaged_model) in str(caught.value)
    assert list(sweep.results(DIGEST)) == []
    assert list(workspace.root.rglob("manifest.json")) == []


def test_a_failure_keeps_the_exams_before_it(
    exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(DataError):
        run(Sweep(workspace, Sheet(), [exams[0], Stub([]), exams[1]]))
    engine = Sheet()
    run(Sweep(workspace, engine, exams))
    assert sum(map(len, engine.asked)) == 20
    assert content(workspace.root) == undisturbed(exams, tmp_path / "calm")
