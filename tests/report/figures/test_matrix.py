from __future__ import annotations

from forget.report.figures.matrix import draw
from report import made_frames
from report.figures.pictures import drawn, texts


def test_runs_are_rows_and_benchmarks_columns() -> None:
    [(name, figure)] = drawn(draw, made_frames.small()).items()
    assert name == "matrix-gsm8k"
    assert {"gt-sft", "grpo", "pi", "HellaSwag", "average", "task (gsm8k)"} <= texts(figure)


def test_one_run_is_nothing_to_compare() -> None:
    assert drawn(draw, made_frames.single()) == {
        "matrix-gsm8k": "there are not two evaluated runs to compare, but 1"
    }
