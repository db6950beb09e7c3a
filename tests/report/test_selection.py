from __future__ import annotations

import math

import pandas as pd
import pytest

from forget.report.selection import (
    change_in_points,
    exams,
    file_name,
    groups,
    judged,
    named,
    steps_of,
)
from report import made_frames
from report.made_frames import frame, row


def run(name: str, exam: str = "mmlu", **others: object) -> dict[str, object]:
    """Return one row of a run of the study s."""
    parts = {"study": "s", "model": "m", "dataset": "d", "method": "x", "variant": "x", "seed": 0}
    found = row(exam, "benchmark", -0.01, 0.005, step=100)
    return found | parts | {"run": name, "path": f"runs/{name}"} | others


def test_groups_are_named_by_what_differs() -> None:
    found = named(frame([run("a"), run("b", dataset="e"), run("c", dataset="e", variant="y")]))
    assert [(group.name, group.slug, len(group.rows)) for group in groups(found)] == [
        ("d", "d", 1),
        ("e", "e", 2),
    ]
    found = named(frame([run("a", model="org/big"), run("b", dataset="e")]))
    assert [(group.name, group.slug) for group in groups(found)] == [
        ("org/big / d", "org-big-d"),
        ("m / e", "m-e"),
    ]


def test_a_single_group_is_named_by_its_dataset() -> None:
    [group] = groups(named(frame([run("a")])))
    assert (group.name, group.slug) == ("d", "d")


def test_comparisons_are_groups_by_themselves() -> None:
    """The models compared take the place of methods."""
    alone = {"study": "", "dataset": "", "method": "", "variant": "", "seed": None}
    one, two = (run(name, **alone, checkpoint=f"models/{name}") for name in "ab")
    found = named(frame([run("x"), one, two]))
    assert [group.name for group in groups(found)] == ["d", "a", "b"]
    assert list(found["who"]) == ["x", "models/a", "models/b"]


def test_seeds_are_named_where_they_differ() -> None:
    assert list(named(frame([run("a")]))["who"]) == ["x"]
    found = named(frame([run("a"), run("b", seed=1)]))
    assert list(found["who"]) == ["x seed 0", "x seed 1"]
    assert list(found["method_label"]) == ["x", "x"]


def test_one_run_in_two_output_folders_is_told_apart_by_its_path() -> None:
    found = named(frame([run("a"), run("a", path="elsewhere/a")]))
    assert list(found["who"]) == ["x runs/a", "x elsewhere/a"]


def test_infinities_are_not_known() -> None:
    found = frame([run("a", low=-math.inf, high=math.inf)])
    assert named(found)[["low", "high"]].isna().all(axis=None)
    assert math.isinf(found["low"].iloc[0]), "the frame that was handed over is left as it was"


def test_few_items_and_averages_of_some_benchmarks_are_marked() -> None:
    average = row("average", "average", -0.01, 0.005, step=100)
    average = run("a", "average") | average | {"title": "average of 1 of 2"}
    gone = {"delta": None, "verdict": "missing", "items": 0}
    found = named(frame([run("a", items=300), run("a", "piqa", **gone), average, run("b")]))
    assert list(found["few"]) == [True, False, True, False]
    assert exams(found)[-1].title == "average"


def test_exams_are_benchmarks_then_average_then_task() -> None:
    found = named(made_frames.small().results)
    assert [exam.name for exam in exams(found)] == [
        "arc_challenge", "hellaswag", "mmlu", "average", "task:gsm8k",
    ]  # fmt: skip


def test_judged_are_last_checkpoints_and_steps_those_of_training() -> None:
    wise = {"checkpoint": "step-000100 wise 0.50", "last": False}
    found = named(frame([run("a"), run("a", **wise), run("b", checkpoint="folder", step=None)]))
    assert list(judged(found)["checkpoint"]) == ["step-000100", "folder"]
    assert list(steps_of(found)["checkpoint"]) == ["step-000100"]


def test_a_frame_without_rows() -> None:
    found = named(frame([]))
    assert list(groups(judged(found))) == []
    assert exams(found) == []


def test_names_of_files_are_never_the_same() -> None:
    used: set[str] = set()
    assert [file_name(name, used) for name in ("a / b c", "a/b/c", "a-b-c", "../%")] == [
        "a-b-c", "a-b-c-2", "a-b-c-3", "--",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("share", "text"), [(-0.0223, "−2.2"), (0.3, "+30.0"), (math.nan, "–"), (math.inf, "–")]
)
def test_change_in_points(share: float, text: str) -> None:
    assert change_in_points(share) == text


def test_the_types_are_those_of_the_frame() -> None:
    found = made_frames.small().results
    assert isinstance(found, pd.DataFrame)
    assert str(found["step"].dtype) == "Int64"
