from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from forget.report.figures.methods import draw
from report import made_frames
from report.figures.pictures import drawn, line_of, texts


def test_average_and_task_stand_above_each_other() -> None:
    [figure] = drawn(draw, made_frames.small()).values()
    assert isinstance(figure, Figure)
    above, below = figure.axes
    assert above.get_xlabel() == "change of average [points]"
    assert below.get_xlabel() == "change of task [points]"
    assert " not all evaluated" in texts(figure), "the average of GRPO is of two benchmarks"
    assert len(line_of(below, "^")) == 3


@pytest.mark.slow
def test_data_sets_are_columns_and_more_of_them_go_below() -> None:
    rng = np.random.default_rng(0)
    rows = [
        row
        for dataset in "abcde"
        for row in made_frames.rows_of_run(rng, ("mmlu",), (100,), dataset=dataset)
    ]
    [figure] = drawn(draw, made_frames.material(made_frames.frame(rows))).values()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 10
    assert {"a", "b", "c", "d", "e"} <= texts(figure)


def test_seeds_of_a_method_share_its_row() -> None:
    [figure] = drawn(draw, made_frames.awkward()).values()
    assert isinstance(figure, Figure)
    heights = sorted(height for _, height in line_of(figure.axes[1], "^"))
    assert [round(height) for height in heights] == [0, 0, 1, 1]
    assert len(set(heights)) == 4


def test_one_run_is_nothing_to_compare() -> None:
    assert "two runs" in str(drawn(draw, made_frames.single())["methods"])
