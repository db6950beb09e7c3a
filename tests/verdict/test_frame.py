"""The frame says what the findings say, and its columns are documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import forget
from docs.documents import document, tables
from forget.errors import DataError, RequestError
from forget.evaluation.record import SweepRecord, write_record
from forget.metrics import Interval
from forget.store.layout import Workspace
from forget.verdict.columns import COLUMNS
from forget.verdict.findings import collect
from forget.verdict.frame import Origin, results_frame
from forget.verdict.records import FoundRecord
from forget.verdict.results import known_benchmarks, load_findings
from forget.verdict.terms import Terms

ORIGIN = Origin(run="a run", path="p", study="s", model="m", dataset="d", method="gt-sft", seed=3)


def test_every_column_is_documented() -> None:
    [found] = tables(document("docs/reference/results.md"))
    expected = [[f"`{name}`", kind, meaning] for name, (kind, meaning) in COLUMNS.items()]
    assert found == [["column", "type", "meaning"], *expected]


def test_the_frame_of_nothing_has_its_columns() -> None:
    frame = results_frame([])
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 0
    assert frame["items"].dtype == "Int64"


def test_a_row_for_each_exam_and_the_average(full: SweepRecord, tmp_path: Path) -> None:
    frame = results_frame([(ORIGIN, collect(full, tmp_path))])
    assert list(frame.benchmark) == ["a", "b", "task:sums", "average"] * 2
    assert list(frame.kind[:4]) == ["benchmark", "benchmark", "task", "average"]
    assert list(frame["last"]) == [False] * 4 + [True] * 4
    assert set(frame.seed) == {3}
    assert set(frame.method) == {"gt-sft"}
    assert set(frame.study) == {"s"}
    first = frame.iloc[0]
    assert (first.delta, first.lost, first.gained, first["items"]) == (-0.25, 2, 0, 8)
    assert first.required_items == 1172
    assert (first.p, first.p_mid, first.p_holm, first.test) == (0.5, 0.25, 1.0, "exact McNemar")
    assert frame.iloc[2].truncation_rate == 0.25
    assert frame.iloc[2].base_truncation_rate == 0.5


def test_what_a_run_learned_also_of_a_base_that_was_evaluated_long_ago(
    bench: Any, tmp_path: Path
) -> None:
    known = {"response_tokens": 30.5, "distinct_2": 0.7, "truncation_rate": 0.0}
    exams = {"a": [1, 0], "task:sums": [1, 0]}
    bench.model("base", exams, task_sums={"mean_tokens": 25.5, "truncation_rate": 0.5})
    bench.model("c", exams, task_sums=known, a={"calibration_error": 0.125})
    frame = results_frame([(ORIGIN, collect(bench.record(["a"], "task:sums"), tmp_path))])
    task, a = frame[frame.kind == "task"].iloc[0], frame[frame.benchmark == "a"].iloc[0]
    assert dict(task[list(known)]) == known
    assert (task.base_response_tokens, task.base_truncation_rate) == (25.5, 0.5)
    assert a.calibration_error == 0.125
    assert task[["base_distinct_2", "calibration_error"]].isna().all()


def test_every_number_is_that_of_the_findings(full: SweepRecord, tmp_path: Path) -> None:
    findings = collect(full, tmp_path)
    frame = results_frame([(ORIGIN, findings)]).set_index(["checkpoint", "benchmark"])
    for checkpoint in findings.checkpoints:
        for finding in checkpoint.benchmarks:
            row = frame.loc[checkpoint.name, finding.benchmark]
            judged = finding.judgement
            assert (row.delta, row.stderr) == (finding.change.delta, finding.change.stderr)
            ends = (judged.interval, judged.corrected, judged.band)
            for prefix, expected in zip(("", "worst_", "band_"), ends, strict=True):
                assert Interval(row[f"{prefix}low"], row[f"{prefix}high"]) == expected
            for name in ("verdict", "reason", "detectable", "p_equivalent", "p_max"):
                assert row[name] == getattr(judged, name)


def test_a_missing_benchmark_has_a_row(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0], "piqa": [1, 0]})
    bench.model("c", {"a": [0, 0], "piqa": None})
    terms = known_benchmarks(Terms())
    frame = results_frame([(ORIGIN, collect(bench.record(["a", "piqa"]), tmp_path, terms))])
    row = frame[frame.benchmark == "piqa"].iloc[0]
    assert (row.verdict, row["items"], row.required_items) == ("missing", 0, 1838)
    assert row[["score", "delta", "p"]].isna().all()
    average = frame[frame.kind == "average"].iloc[0]
    assert average.title == "average of 1 of 2"


def test_models_made_of_the_last_step_are_not_the_last_step(
    full: SweepRecord, tmp_path: Path
) -> None:
    made = attrs.evolve(full.checkpoints[-1], name="step-000200 wise 0.50")
    record = attrs.evolve(full, checkpoints=(*full.checkpoints, made))
    frame = results_frame([(ORIGIN, collect(record, tmp_path))])
    assert set(frame.checkpoint[frame["last"]]) == {"step-000200"}


def test_the_results_of_an_output_folder(full: SweepRecord, tmp_path: Path) -> None:
    write_record(Workspace(tmp_path).comparison("x"), full)
    frame = forget.load_results(tmp_path, margin=0.3)
    assert set(frame.run) == {"a title"}
    assert set(frame.margin) == {0.3}
    # a: 2 of 8 lost; the margin is wider than the one-sided bound of the unchanged second step
    second = frame[(frame.checkpoint == "step-000200") & (frame.benchmark == "a")].iloc[0]
    assert second.verdict == "kept"


def test_namesakes_are_told_apart_by_where_they_were_found(
    full: SweepRecord, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    other = attrs.evolve(full, title="another title")
    sweeps = [
        FoundRecord(full, here / "x", here),
        FoundRecord(full, there / "x", there),
        FoundRecord(other, there / "y", there),
        FoundRecord(full, there / "z", there),
    ]
    # All evaluations are below tmp_path.
    found = [one._replace(record=attrs.evolve(one.record, checkpoints=())) for one in sweeps]
    names = [origin.run for origin, _ in load_findings(found, Terms())]
    places = [here, there / "x", there / "z"]
    alike = [f"a title / {place}" for place in places]
    assert names == [*alike[:2], "another title", alike[2]]


def test_corrected_over_all_checkpoints(full: SweepRecord, tmp_path: Path) -> None:
    write_record(Workspace(tmp_path).comparison("x"), full)
    frame = forget.load_results(tmp_path, over="checkpoints")
    row = frame[(frame.checkpoint == "step-000100") & (frame.benchmark == "a")].iloc[0]
    assert (row.p, row.p_holm) == (0.5, 1.0)
    assert row.reason.startswith("The truth")


def test_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to report"):
        forget.load_results(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("margin", 0.0), ("margin", 1.5), ("level", 1.0)])
def test_terms_that_make_no_sense(name: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="between 0 and 1"):
        forget.load_results(tmp_path, **{name: value})
