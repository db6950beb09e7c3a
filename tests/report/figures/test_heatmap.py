from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from forget.report.figures.heatmap import draw
from report import made_frames
from report.figures.pictures import drawn, texts


def test_each_run_has_one_with_its_checkpoints_as_columns() -> None:
    found = drawn(draw, made_frames.small())
    assert list(found) == [
        f"heatmap-demo-smollm2-135m-gsm8k-{method}-seed-0" for method in ("gt-sft", "grpo", "pi")
    ]
    said = texts(found["heatmap-demo-smollm2-135m-gsm8k-grpo-seed-0"])
    assert {"100", "200", "300", "ARC-Challenge", "task (gsm8k)", "–", "optimiser step"} <= said
    assert "not evaluated" in said


def test_models_that_are_no_step_are_named_in_full() -> None:
    rng = np.random.default_rng(0)
    found = made_frames.frame(made_frames.rows_of_run(rng, ("mmlu",), (1000, 2000)))
    wise = found[found["step"] == 2000].assign(checkpoint="step-002000 wise 0.50", last=False)
    both = made_frames.frame([*found.to_dict("records"), *wise.to_dict("records")])
    [figure] = drawn(draw, made_frames.material(both)).values()
    assert {"1,000", "2,000", "checkpoint"} <= texts(figure)
    assert any("wise 0.50".endswith(text[-4:]) and "…" in text for text in texts(figure))


def test_more_checkpoints_than_fit_go_below_in_cells_of_the_same_size() -> None:
    rng = np.random.default_rng(0)
    found = made_frames.frame(made_frames.rows_of_run(rng, ("mmlu",), range(10, 200, 10)))
    [figure] = drawn(draw, made_frames.material(found)).values()
    assert isinstance(figure, Figure)
    assert [axes.get_xlim() for axes in figure.axes] == [(0, 16), (0, 16)]
    assert len(figure.axes[1].get_xticks()) == 3


def test_a_run_that_is_not_evaluated_is_left_out() -> None:
    found = made_frames.compared().results.assign(delta=np.nan)
    assert drawn(draw, made_frames.material(found)) == {
        "heatmap-models-a-against-models-b": "nothing of the run has been evaluated"
    }
