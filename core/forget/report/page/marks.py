"""What the page's charts are made of: colours and shapes, marks, axes, tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from forget.report.page.verdicts import VERDICTS

__all__ = [
    "CHANGE",
    "DASHES",
    "GAINED",
    "JUDGED",
    "Series",
    "Spec",
    "absent",
    "bars",
    "by_verdict",
    "config",
    "interval",
    "margin_band",
    "measure",
    "series_marks",
    "tip",
    "zero",
]  # fmt: skip

Spec = dict[str, Any]

CHANGE = "change, points of 100"

PALETTE = tuple(f"var(--series-{number})" for number in range(1, 9))
"""Okabe and Ito's colours, which people who see few colours can tell apart."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [1, 4])


class Series(NamedTuple):
    """What is told apart by colour and by shape, in the same way in every chart of a page.

    Attributes:
        methods: Names of methods, with a colour each.
        datasets: Names of data sets, with a shape or a dash each.
    """

    methods: Sequence[str]
    datasets: Sequence[str]

    def colour(self) -> Spec:
        """Return the encoding of the method."""
        scale = {"domain": list(self.methods), "range": list(PALETTE)}
        return {"field": "variant", "type": "nominal", "title": "method", "scale": scale}

    def by_dataset(self, kinds: Sequence[Any]) -> Spec:
        """Return the encoding of the data set by one of the kinds of shapes or dashes."""
        scale = {"domain": list(self.datasets), "range": list(kinds)}
        return {"field": "dataset", "type": "nominal", "title": "data set", "scale": scale}


_TIPS = {
    "label": ("run", None),
    "title": ("benchmark", None),
    "checkpoint": ("checkpoint", None),
    "delta": ("change", "+.2f"),
    "between": ("interval", None),
    "band": ("simultaneous band", None),
    "p_holm": ("p (Holm)", ".2g"),
    "verdict": ("verdict", None),
    "items_of": ("items", None),
    "task_delta": ("gained", "+.2f"),
    "task_between": ("its interval", None),
    "kl_to_base": ("KL", ".3g"),
    "forgotten": ("forgotten", "+.2f"),
    "step": ("step", ",d"),
    "value": ("value", ".4g"),
}
"""What a tooltip calls a column, and how it writes a number."""

JUDGED = ("delta", "between", "p_holm", "verdict", "items_of")

GAINED = ("task_delta", "task_between", "delta", "between")


def tip(*fields: str) -> list[Spec]:
    """Return what a tooltip shows of a row."""
    found = []
    for field in fields:
        title, number = _TIPS[field]
        kind = {"type": "quantitative", "format": number} if number else {"type": "nominal"}
        found.append({"field": field, "title": title, **kind})
    return found


def measure(field: str, title: str, **axis: Any) -> Spec:
    """Return the encoding of a number; what else is given describes its axis."""
    return {"field": field, "type": "quantitative", "title": title, "axis": axis or {}}


def zero(axis: str) -> Spec:
    """Return a line where nothing changed."""
    mark = {"type": "rule", "color": "var(--ink)", "opacity": 0.55, "aria": False}
    encoding = {axis: {"datum": 0}, **_apart(axis)}
    return {"mark": mark, "data": {"values": [{}]}, "encoding": encoding}


def margin_band(margin: float, axis: str) -> Spec:
    """Shade the drops that do not matter, of a margin in points."""
    mark = {"type": "rect", "color": "var(--margin)", "aria": False}
    ends = {axis: {"datum": -margin}, f"{axis}2": {"datum": 0}}
    return {"mark": mark, "data": {"values": [{}]}, "encoding": {**ends, **_apart(axis)}}


def absent() -> Spec:
    """Say in words why there is no mark; an empty place would look like no change."""
    return {
        "name": "if_absent",
        "transform": [{"filter": "isValid(datum.absent)"}],
        "mark": {"type": "text", "align": "left", "dx": 6, "fontStyle": "italic"},
        "encoding": {"x": {"datum": 0}, "text": {"field": "absent", "type": "nominal"}},
    }


def _apart(axis: str) -> Spec:
    """Keep a line that spans the chart from taking part in the other axis."""
    return {"y": None} if axis == "x" else {"x": None}


def interval(axis: str, low: str, high: str) -> Spec:
    """Return a line from one end of an interval to the other."""
    mark = {"type": "rule", "strokeWidth": 1.8, "color": "var(--ink-soft)", "aria": False}
    ends = {axis: measure(low, CHANGE), f"{axis}2": {"field": high}}
    whole = [{"filter": f"isValid(datum.{low})"}]
    return {"name": f"if_{low}", "transform": whole, "mark": mark, "encoding": ends}


def bars(axis: str, low: str, high: str, other: Spec, series: Series) -> Spec:
    """Return intervals in the colour of the method, at the height or place of the other axis."""
    mark = {"type": "rule", "strokeWidth": 1, "opacity": 0.55, "aria": False}
    ends = {axis: {"field": low, "type": "quantitative"}, f"{axis}2": {"field": high}}
    whole = [{"filter": f"isValid(datum.{low}) && isValid(datum.{high})"}]
    encoding = {**ends, **other, "color": series.colour()}
    return {"name": f"if_{low}", "transform": whole, "mark": mark, "encoding": encoding}


def series_marks(x: Spec, y: Spec, fields: tuple[str, ...], series: Series) -> Spec:
    """Return one mark a row, coloured by method and shaped by data set."""
    return {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 0.95},
        "encoding": {
            "x": x,
            "y": y,
            "color": series.colour(),
            "shape": series.by_dataset(SHAPES),
            "tooltip": tip("label", "checkpoint", *fields),
        },
    }


def by_verdict() -> Spec:
    """Return the encodings of a verdict: a colour and a shape."""
    shown = [name for name in VERDICTS if name != "missing"]
    colours = {"domain": shown, "range": [f"var(--{name})" for name in shown]}
    shapes = {"domain": shown, "range": [VERDICTS[name].shape for name in shown]}
    field = {"field": "verdict", "type": "nominal", "title": None}
    return {"color": {**field, "scale": colours}, "shape": {**field, "scale": shapes}}


def config() -> Spec:
    """Return how all charts look."""
    text = {"labelColor": "var(--ink)", "titleColor": "var(--ink)", "titleFontWeight": "normal"}
    return {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **text,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "labelLimit": 230,
            "gridColor": "var(--grid)",
            "domainColor": "var(--ink-soft)",
            "tickColor": "var(--ink-soft)",
        },
        "axisY": {"domain": False, "ticks": False},
        "header": {**text, "labelFontSize": 12, "labelFontWeight": "bold", "labelLimit": 260},
        "legend": {
            **text,
            "orient": "bottom",
            "labelFontSize": 12,
            "labelLimit": 220,
            "symbolSize": 80,
            "symbolOpacity": 1,
            "symbolBaseFillColor": "var(--ink)",
            "symbolBaseStrokeColor": "var(--ink)",
        },
        "text": {"color": "var(--ink-soft)", "fontSize": 12},
    }
