from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaluation.sweeping import (
    DIGEST,
    MODEL,
    Sheet,
    Stub,
    content,
    journals,
    killed,
    raise_score,
    run,
)
from forget.completion import Sampling
from forget.errors import RequestError
from forget.evaluation.exam import Exam
from forget.evaluation.shards import Shard, balance, freeze_rates, parse_shard
from forget.evaluation.sweep import Sweep
from forget.inference.engine import Complete, Request, Score, Work
from forget.progress import Silent
from forget.store import manifest
from forget.store.layout import Workspace
from forget.store.manifest import Manifest

# --- what is asked for


@pytest.mark.parametrize(
    ("text", "shard"), [("1/1", Shard(1, 1)), ("2/4", Shard(2, 4)), (" 12/12 ", Shard(12, 12))]
)
def test_a_shard_is_read_as_it_is_written(text: str, shard: Shard) -> None:
    assert parse_shard(text) == shard
    assert str(shard) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "1", "/", "1/", "/4", "0/4", "5/4", "1/0", "0/0", "-1/4", "1/-4", "1.0/4", "a/b", "1/2/3"],
)
def test_there_is_no_such_shard(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_shard(text)
    message = str(caught.value)
    assert repr(text) in message
    assert "K from 1 to N" in message
    assert "--shard 1/4" in message


# --- how work is divided

costs_of_pieces = st.lists(st.integers(0, 10_000), max_size=40)


def loads(costs: Sequence[float], shards: Sequence[int], count: int) -> list[float]:
    """Return what each shard has to do."""
    assert len(shards) == len(costs)
    assert set(shards) <= set(range(count))
    pairs = list(zip(costs, shards, strict=True))
    return [sum(cost for cost, shard in pairs if shard == index) for index in range(count)]


@settings(deadline=None)
@given(costs_of_pieces, st.integers(1, 9))
@example([], 3)
@example([7], 3)
@example([1] * 10, 3)
def test_no_shard_has_much_more_to_do(costs: list[int], count: int) -> None:
    found = loads(costs, balance(costs, count), count)
    mean, largest = sum(costs) / count, max(costs, default=0)
    assert sum(found) == sum(costs)
    # The last piece that the fullest shard was given found no shard with less than the mean of the
    # others; with the costliest pieces first it is small.
    assert max(found) <= mean + largest * (count - 1) / count
    assert max(found) <= 4 / 3 * mean + largest


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), max_size=7), st.integers(1, 3))
@example([5, 5, 4, 4, 3, 3, 3], 3)
def test_it_is_at_most_a_third_worse_than_the_best(costs: list[int], count: int) -> None:
    best = min(
        max(loads(costs, shards, count))
        for shards in itertools.product(range(count), repeat=len(costs))
    )
    found = max(loads(costs, balance(costs, count), count))
    # Graham's bound, 4/3 - 1/(3 count), in whole numbers; the example reaches it.
    assert 3 * count * found <= (4 * count - 1) * best


@settings(deadline=None)
@given(costs_of_pieces, st.integers(1, 9))
def test_the_division_is_the_same_in_every_process(costs: list[int], count: int) -> None:
    assert balance(costs, count) == balance(tuple(map(float, costs)), count)


def test_a_division_by_hand() -> None:
    assert balance([5, 4, 3, 3, 3], 2) == [0, 1, 1, 0, 1]
    assert balance([3, 3, 3, 4, 5], 2) == [1, 0, 1, 1, 0]
    assert balance([1, 1], 2) == [0, 1]
    assert balance([1, 1, 1], 1) == [0, 0, 0]
    assert balance([], 4) == []


# --- what it is divided by

RATES = {"score": 0.25, "generate": 3.5}


def test_the_first_of_two_decides(tmp_path: Path) -> None:
    file = tmp_path / "model" / "rates.json"
    assert freeze_rates(file, RATES) == RATES
    assert freeze_rates(file, {"score": 1.0, "generate": 4.0}) == RATES
    assert [path.name for path in file.parent.iterdir()] == ["rates.json"]
    assert freeze_rates(file.with_name("other.json"), {"score": 9.0}) == {"score": 9.0}


CROWD = """
import json, os, sys
from pathlib import Path
from forget.evaluation.shards import freeze_rates

gate, opened = os.pipe()
place, children = Path(sys.argv[1]), []
for number in range(8):
    child = os.fork()
    if child == 0:
        os.close(opened)
        os.read(gate, 1)
        for turn in range(20):
            rates = freeze_rates(place / f"{turn}.json", {"score": float(number)})
            os.write(1, f"{turn} {rates['score']}\\n".encode())
        os._exit(0)
    children.append(child)
os.close(opened)
sys.exit(max(os.waitpid(child, 0)[1] for child in children))
"""


def test_of_many_that_come_at_once_one_decides(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CROWD, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert len(found) == 8 * 20
    assert len({turn for turn, _ in found}) == len({(turn, rate) for turn, rate in found}) == 20
    assert len(list((tmp_path / "model").iterdir())) == 20


# --- a sweep by shards


@attrs.define
class Trio:
    """A base and two checkpoints, evaluated by one shard after the other."""

    workspace: Workspace
    exams: Sequence[Exam]
    digests: Sequence[str] = (DIGEST, "e" * 64, "f" * 64)

    def run(self, engine: Sheet, shard: Shard | None) -> Sheet:
        sweep = Sweep(self.workspace, engine, self.exams, shard)
        for digest in self.digests:
            sweep.run(MODEL, digest, "a model", Silent())
        return engine

    def finished(self) -> int:
        sweep = Sweep(self.workspace, Sheet(), self.exams)
        return sum(len(list(sweep.results(digest))) for digest in self.digests)


@pytest.fixture
def questions() -> list[Exam]:
    """Forty likelihoods, and twenty texts, which are written."""
    scores = [Score(f"context {number}", " x") for number in range(40)]
    texts = [Complete(f"prompt {number}", Sampling(max_new_tokens=9)) for number in range(20)]
    return [Stub(scores, name="scores"), Stub(texts, name="texts")]


@pytest.fixture
def trio(workspace: Workspace, questions: list[Exam]) -> Trio:
    return Trio(workspace, questions)


def asked(engines: Sequence[Sheet]) -> list[str]:
    return sorted(repr(batch) for engine in engines for batch in engine.asked)


def results(root: Path) -> dict[str, bytes]:
    """Return what was found, by path; the rates that the shards agreed on are no finding."""
    found = content(root)
    return {name: text for name, text in found.items() if "/.shards-" not in name}


@pytest.mark.slow
@pytest.mark.parametrize(
    "order", [[1, 2], [2, 1], [1, 2, 3], [3, 1, 2], [1], [7, 6, 5, 4, 3, 2, 1]]
)
def test_shards_ask_together_what_one_process_asks(
    trio: Trio, tmp_path: Path, order: list[int]
) -> None:
    calm = Trio(Workspace(tmp_path / "calm"), trio.exams)
    whole = calm.run(Sheet(), None)
    engines = []
    for index in order:
        assert trio.finished() == 0
        engines.append(trio.run(Sheet(), Shard(index, len(order))))
    assert trio.finished() == 2 * 3
    assert asked(engines) == asked([whole])
    assert results(trio.workspace.root) == results(calm.workspace.root)


def test_shards_have_about_the_same_to_do(trio: Trio) -> None:
    """By default a written token takes as long as four that are read."""
    engines = [trio.run(Sheet(batch=2), Shard(index, 3)) for index in (1, 2, 3)]
    work = [
        sum(4 if isinstance(batch[0], Complete) else 1 for batch in engine.asked)
        for engine in engines
    ]
    assert sum(work) == 3 * (20 + 4 * 10)
    assert max(work) - min(work) <= 3


def test_batches_of_exams_of_the_same_size_are_told_apart(workspace: Workspace) -> None:
    """They are made of the same numbers: the fifth request of an exam is not another's fifth."""
    exams = [Stub([Score(f"{name} {i}", " x") for i in range(15)], name=name) for name in "abc"]
    trio = Trio(workspace, exams)
    engines = [trio.run(Sheet(), Shard(index, 2)) for index in (1, 2)]
    assert [len(engine.asked) for engine in engines] == [3 * 8, 3 * 7]
    assert len(set(asked(engines))) == 15
    assert trio.finished() == 3 * 3


def test_more_shards_than_batches(workspace: Workspace) -> None:
    exam = Stub([Score("a", " x"), Score("b", " x")])
    engines = [Sheet(batch=1) for _ in range(4)]
    for index, engine in enumerate(engines, start=1):
        run(Sweep(workspace, engine, [exam], Shard(index, 4)))
    assert [len(engine.asked) for engine in engines] == [1, 1, 0, 0]
    assert [len(engine.loads) for engine in engines] == [1, 1, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("batches", range(1, 9))
def test_a_shard_that_was_killed_asks_only_what_is_missing(
    workspace: Workspace, questions: list[Exam], tmp_path: Path, batches: int
) -> None:
    first, again, other = Sheet(kill_after=batches), Sheet(), Sheet()
    killed(Sweep(workspace, first, questions, Shard(1, 2)))
    run(Sweep(workspace, other, questions, Shard(2, 2)))
    run(Sweep(workspace, again, questions, Shard(1, 2)))
    whole = Sheet()
    run(Sweep(Workspace(tmp_path / "calm"), whole, questions))
    assert asked([first, again, other]) == asked([whole])
    assert results(workspace.root) == results(tmp_path / "calm")


def test_a_shard_that_never_ran_is_done_by_the_command_without(trio: Trio, tmp_path: Path) -> None:
    calm = Trio(Workspace(tmp_path / "calm"), trio.exams)
    whole = calm.run(Sheet(), None)
    engines = [trio.run(Sheet(), Shard(index, 3)) for index in (3, 1)]
    assert trio.finished() == 0
    engines.append(trio.run(Sheet(), None))
    assert asked(engines) == asked([whole])
    assert results(trio.workspace.root) == results(calm.workspace.root)


def test_a_shard_has_nothing_to_do_where_all_is_done(trio: Trio) -> None:
    trio.run(Sheet(), None)
    before = content(trio.workspace.root)
    engine = trio.run(Sheet(kill_after=0), Shard(1, 2))
    assert (engine.prepared, engine.loads) == ([], [])
    assert content(trio.workspace.root) == before


def test_a_shard_has_only_its_part_of_what_others_finished(
    workspace: Workspace, questions: list[Exam], tmp_path: Path
) -> None:
    """The division does not depend on what is done: whoever comes late has the same part."""
    run(Sweep(workspace, Sheet(), questions[1:]))
    late = [Sheet(), Sheet()]
    for index, engine in enumerate(late, start=1):
        run(Sweep(workspace, engine, questions, Shard(index, 2)))
    early = [Sheet(), Sheet()]
    for index, engine in enumerate(early, start=1):
        run(Sweep(Workspace(tmp_path / "early"), engine, questions, Shard(index, 2)))
    for one, other in zip(early, late, strict=True):
        assert [batch for batch in one.asked if isinstance(batch[0], Score)] == other.asked


# --- beside each other


@attrs.define
class Meanwhile(Sheet):
    """An engine that takes its time to prepare: another process goes on meanwhile.

    Attributes:
        others: What goes on.
        patience: Exams that are prepared before.
    """

    others: list[Sweep] = attrs.field(factory=list)
    patience: int = 0

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        while self.others and len(self.prepared) == self.patience:
            run(self.others.pop())
        return Sheet.prepare(self, requests, folder)


@pytest.mark.parametrize("by_shards", [True, False])
def test_what_another_finished_meanwhile_is_not_asked_again(
    workspace: Workspace, questions: list[Exam], tmp_path: Path, by_shards: bool
) -> None:
    """A shard died after its part of the first exam; that is concluded while it starts again."""
    one, two = (Shard(1, 2), Shard(2, 2)) if by_shards else (None, None)
    first, again, other = Sheet(), Meanwhile(), Sheet()
    run(Sweep(workspace, first, questions, Shard(1, 2)))
    again.others = [Sweep(workspace, other, questions, two)]
    found = run(Sweep(workspace, again, questions, one))
    assert [evaluation.items for evaluation in found] == [40, 20]
    assert again.asked == []
    whole = Sheet()
    run(Sweep(Workspace(tmp_path / "calm"), whole, questions))
    assert asked([first, other]) == asked([whole])
    assert results(workspace.root) == results(tmp_path / "calm")


def test_nor_what_was_finished_while_a_later_exam_was_prepared(
    workspace: Workspace, questions: list[Exam], tmp_path: Path
) -> None:
    engine, other = Meanwhile(), Sheet()
    run(Sweep(workspace, Sheet(), questions[:1]))
    later = [Stub([Score("further", " x")], name="further"), *questions]
    engine.others = [Sweep(workspace, other, later)]
    engine.patience = 1
    run(Sweep(workspace, engine, later))
    assert engine.asked == [[Score("further", " x")]]
    assert all(isinstance(batch[0], Complete) for batch in other.asked)
    run(Sweep(Workspace(tmp_path / "calm"), Sheet(), later))
    assert results(workspace.root) == results(tmp_path / "calm")


def test_two_may_find_the_same_damage(
    workspace: Workspace, questions: list[Exam], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, _) = run(Sweep(workspace, Sheet(), questions))
    before = content(workspace.root)
    raise_score(first.folder)

    def verify_beside_another(folder: Path) -> Manifest | None:
        found = manifest.verify(folder)
        if found is None:
            (folder / "manifest.json").unlink()  # the other found it too, and was faster
        return found

    monkeypatch.setattr("forget.evaluation.sweep.verify", verify_beside_another)
    run(Sweep(workspace, Sheet(), questions))
    assert content(workspace.root) == before


# --- by what was measured


def measure(workspace: Workspace, exams: Sequence[Exam], **seconds: float) -> None:
    """Have a model evaluated, as if a unit of cost had taken some seconds."""
    for evaluation in run(Sweep(workspace, Sheet(), exams), digest="a" * 64):
        file = evaluation.folder / "manifest.json"
        plain = json.loads(file.read_text())
        for kind, (_, cost) in plain["details"]["time"].items():
            plain["details"]["time"][kind] = [seconds[kind] * cost, cost]
        file.write_text(json.dumps(plain))


def frozen(workspace: Workspace) -> list[dict[str, float]]:
    files = sorted((workspace.root / "evaluations" / DIGEST[:16]).glob(".shards-*"))
    return [json.loads(file.read_text()) for file in files]


def test_work_is_divided_by_what_it_took_before(
    workspace: Workspace, questions: list[Exam]
) -> None:
    measure(workspace, questions, score=0.5, generate=40.0)
    engines = [Sheet(batch=4), Sheet(batch=4)]
    for index, engine in enumerate(engines, start=1):
        run(Sweep(workspace, engine, questions, Shard(index, 2)))
    assert frozen(workspace) == [{"score": 0.5, "generate": 40.0}]
    written = [sum(isinstance(b[0], Complete) for b in engine.asked) for engine in engines]
    assert sorted(written) == [2, 3]
    # Five batches of texts do not divide by two: who has three of them has no likelihoods.
    assert [len(engine.asked) for engine in engines] in ([3, 12], [12, 3])


def test_where_only_one_kind_was_measured_nothing_is(
    workspace: Workspace, questions: list[Exam]
) -> None:
    measure(workspace, questions[:1], score=0.5)
    run(Sweep(workspace, Sheet(), questions, Shard(1, 2)))
    assert frozen(workspace) == [{"score": 1.0, "generate": 4.0}]


def test_another_engine_measured_nothing_of_use(
    workspace: Workspace, questions: list[Exam]
) -> None:
    measure(workspace, questions, score=0.5, generate=40.0)
    run(Sweep(workspace, Sheet(version="2"), questions, Shard(1, 2)))
    assert frozen(workspace) == [{"score": 1.0, "generate": 4.0}]


def test_what_is_measured_on_the_way_moves_nothing(
    workspace: Workspace, questions: list[Exam], tmp_path: Path
) -> None:
    whole = Sheet()
    run(Sweep(Workspace(tmp_path / "calm"), whole, questions))
    engines = [Sheet(), Sheet(), Sheet()]
    for index, engine in enumerate(engines, start=1):
        run(Sweep(workspace, engine, questions, Shard(index, 3)))
        if index == 1:
            measure(workspace, questions, score=9.0, generate=0.1)
    assert asked(engines) == asked([whole])


def test_other_numbers_of_shards_or_exams_are_divided_anew(
    workspace: Workspace, questions: list[Exam]
) -> None:
    run(Sweep(workspace, Sheet(), questions, Shard(1, 3)))
    measure(workspace, questions, score=0.5, generate=40.0)
    run(Sweep(workspace, Sheet(), questions, Shard(1, 4)))
    assert len(frozen(workspace)) == 2
    run(Sweep(workspace, Sheet(), questions[:1], Shard(1, 4)))
    assert len(frozen(workspace)) == 3
    assert {"score": 0.5, "generate": 40.0} in frozen(workspace)
    run(Sweep(workspace, Sheet(), questions))
    assert journals(workspace) == []
