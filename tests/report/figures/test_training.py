from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from forget.report.figures.training import draw
from report import made_frames
from report.figures.pictures import drawn, legend_words


def test_each_quantity_has_a_panel_the_loss_first() -> None:
    [(name, figure)] = drawn(draw, made_frames.small()).items()
    assert name == "training-gsm8k"
    assert isinstance(figure, Figure)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "training loss", "gradient norm", "learning rate", "reward",
    ]  # fmt: skip
    assert [len(axes.lines) for axes in figure.axes] == [3, 3, 3, 1]
    assert legend_words(figure) == ["gt-sft", "grpo", "pi"]


def test_words_and_what_is_not_a_number_are_not_drawn() -> None:
    material = made_frames.single()
    curves = material.curves.assign(phase="first", grad_norm=np.inf)
    [figure] = drawn(draw, made_frames.material(material.results, curves=curves)).values()
    assert isinstance(figure, Figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss", "learning rate"]


def test_without_curves_there_is_none() -> None:
    found = made_frames.material(made_frames.single().results, curves=made_frames.none())
    assert drawn(draw, found) == {"training-gsm8k": "no training curve has been written"}
