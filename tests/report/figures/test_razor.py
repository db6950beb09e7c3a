from __future__ import annotations

from matplotlib.figure import Figure

from forget.report.figures.razor import draw
from report import made_frames
from report.figures.pictures import drawn, legend_words, line_of


def test_every_checkpoint_is_a_point_and_the_fit_says_how_good_it_is() -> None:
    material = made_frames.small()
    assert material.razor is not None
    [figure] = drawn(draw, material).values()
    assert isinstance(figure, Figure)
    points = [place for marker in "os^" for place in line_of(figure.axes[0], marker)]
    assert len(points) == len(material.razor.points)
    assert legend_words(figure)[-1] == f"quadratic fit, R² = {material.razor.kl.fit.r2:.2f}"


def test_without_variance_there_is_no_r2() -> None:
    found = made_frames.small().results
    found.loc[found["kind"] == "average", "delta"] = -0.01
    [figure] = drawn(draw, made_frames.material(found)).values()
    assert legend_words(figure)[-1] == "quadratic fit"


def test_without_a_fit_there_is_none() -> None:
    assert "fewer than four" in str(drawn(draw, made_frames.single())["razor"])
