"""The page's charts as Vega-Lite specifications, without data.

The page hands each chart rows of the frame under the name `rows`, with shares in points of 100, and
the size that fits the window. A layer named `if_FIELD` is left out where no row has that field.
Colours are style variables of the page: a theme changes them, and paper gets the light ones,
without a chart being drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from forget.report.page.verdicts import VERDICTS

__all__ = ["Series", "charts"]

Spec = dict[str, Any]

PALETTE = tuple(f"var(--series-{number})" for number in range(1, 9))
"""Okabe and Ito's colours, which people who see few colours can tell apart."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [1, 4])

_CHANGE = "change, points of 100"


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


def charts(margin: float, series: Series) -> dict[str, Spec]:
    """Return every chart by the name of its figure.

    Args:
        margin: The largest drop that does not matter, as a share.
        series: What colours and shapes stand for.
    """
    found = {
        "forest": _forest(100 * margin),
        "trajectories": _trajectories(),
        "methods": _methods(100 * margin),
        "frontier": _frontier(100 * margin, series),
        "razor": _razor(series),
        "training": _training(series),
    }
    return {name: {"$schema": _SCHEMA, "config": _config(), **spec} for name, spec in found.items()}


_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def _forest(margin: float) -> Spec:
    row = {"field": "label", "type": "nominal", "sort": None, "title": None}
    return {
        "data": {"name": "rows"},
        "width": "container",
        "encoding": {"y": row},
        "layer": [
            _margin_band(margin, "x"),
            _zero("x"),
            _interval("x", "low", "high"),
            {
                "name": "if_delta",
                "transform": [{"filter": "isValid(datum.delta)"}],
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {
                    "x": _measure("delta", _CHANGE, tickCount=8),
                    **_by_verdict(),
                    "tooltip": _tip("title", "checkpoint", *_JUDGED),
                },
            },
            _absent(),
        ],
    }


def _trajectories() -> Spec:
    step = _measure("step", "optimiser step", tickCount=4, grid=False)
    return {
        "data": {"name": "rows"},
        "facet": {"field": "label", "type": "nominal", "title": None, "sort": None},
        "spec": {
            "height": 120,
            "encoding": {"x": step},
            "layer": [
                _zero("y"),
                {
                    "name": "if_band_low",
                    "mark": {"type": "area", "opacity": 0.22, "color": "var(--series-1)"},
                    "encoding": {
                        "y": _measure("band_low", _CHANGE, tickCount=4),
                        "y2": {"field": "band_high"},
                    },
                },
                {
                    "mark": {"type": "line", "color": "var(--series-1)", "strokeWidth": 1.8},
                    "encoding": {"y": _measure("delta", _CHANGE)},
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 1},
                    "encoding": {
                        "y": _measure("delta", _CHANGE),
                        **_by_verdict(),
                        "size": {
                            "condition": {"test": "datum.last", "value": 85},
                            "value": 28,
                        },
                        "tooltip": _tip("label", "checkpoint", "delta", "band", "verdict"),
                    },
                },
            ],
        },
    }


def _methods(margin: float) -> Spec:
    return {
        "data": {"name": "rows"},
        "facet": {"field": "panel", "type": "nominal", "title": None, "sort": None},
        "spec": {
            "height": {"step": 18},
            "encoding": {
                "y": {"field": "entry", "type": "nominal", "sort": None, "title": None},
                "yOffset": {"field": "offset", "type": "nominal", "sort": None},
            },
            "layer": [
                _margin_band(margin, "x"),
                _zero("x"),
                _interval("x", "low", "high"),
                {
                    "name": "if_delta",
                    "transform": [{"filter": "isValid(datum.delta)"}],
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                    "encoding": {
                        "x": _measure("delta", _CHANGE, tickCount=5),
                        **_by_verdict(),
                        "tooltip": _tip("label", "title", "checkpoint", *_JUDGED),
                    },
                },
                _absent(),
            ],
        },
    }


def _frontier(margin: float, series: Series) -> Spec:
    x = _measure("task_delta", "gained on the task, points", tickCount=8)
    y = _measure("delta", "average of the benchmarks, change in points", tickCount=7)
    return {
        "data": {"name": "rows"},
        "width": "container",
        "height": 380,
        "layer": [
            _margin_band(margin, "y"),
            _zero("x"),
            _zero("y"),
            {
                "name": "if_joined",
                "transform": [{"filter": "datum.joined"}],
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.6},
                "encoding": {
                    "x": x,
                    "y": y,
                    "order": {"field": "step"},
                    "detail": {"field": "run"},
                    "color": series.colour(),
                },
            },
            _bars("x", "task_low", "task_high", {"y": y}, series),
            _bars("y", "low", "high", {"x": x}, series),
            _marks(x, y, _GAINED, series),
        ],
    }


def _razor(series: Series) -> Spec:
    kl, lost = "KL to the base on task prompts, nats a token", "forgotten on average, points"
    fit = {"field": "kl", "type": "quantitative", "title": kl}
    return {
        "width": "container",
        "height": 360,
        "layer": [
            {
                "data": {"name": "fit"},
                "mark": {"type": "area", "opacity": 0.15, "color": "var(--ink)"},
                "encoding": {
                    "x": fit,
                    "y": {"field": "low", "type": "quantitative", "title": lost},
                    "y2": {"field": "high"},
                },
            },
            {
                "data": {"name": "fit"},
                "mark": {"type": "line", "color": "var(--ink)", "strokeDash": [6, 4]},
                "encoding": {"x": fit, "y": _measure("forgotten", lost)},
            },
            {
                "data": {"name": "rows"},
                **_marks(
                    {**_measure("kl_to_base", kl, tickCount=8), "scale": {"zero": True}},
                    _measure("forgotten", lost, tickCount=7),
                    ("kl_to_base", "forgotten"),
                    series,
                ),
            },
        ],
    }


def _training(series: Series) -> Spec:
    return {
        "data": {"name": "rows"},
        "width": "container",
        "height": 300,
        "mark": {"type": "line", "strokeWidth": 1.4, "opacity": 0.85, "tooltip": True},
        "encoding": {
            "x": _measure("step", "optimiser step", tickCount=8),
            "y": {"field": "value", "type": "quantitative", "scale": {"zero": False}},
            "color": series.colour(),
            "strokeDash": series.by_dataset(DASHES),
            "detail": {"field": "run"},
            "tooltip": _tip("label", "step", "value"),
        },
    }


# --- parts of charts


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

_JUDGED = ("delta", "between", "p_holm", "verdict", "items_of")

_GAINED = ("task_delta", "task_between", "delta", "between")


def _tip(*fields: str) -> list[Spec]:
    found = []
    for field in fields:
        title, number = _TIPS[field]
        kind = {"type": "quantitative", "format": number} if number else {"type": "nominal"}
        found.append({"field": field, "title": title, **kind})
    return found


def _measure(field: str, title: str, **axis: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "axis": axis or {}}


def _zero(axis: str) -> Spec:
    mark = {"type": "rule", "color": "var(--ink)", "opacity": 0.55, "aria": False}
    encoding = {axis: {"datum": 0}, **_apart(axis)}
    return {"mark": mark, "data": {"values": [{}]}, "encoding": encoding}


def _margin_band(margin: float, axis: str) -> Spec:
    mark = {"type": "rect", "color": "var(--margin)", "aria": False}
    ends = {axis: {"datum": -margin}, f"{axis}2": {"datum": 0}}
    return {"mark": mark, "data": {"values": [{}]}, "encoding": {**ends, **_apart(axis)}}


def _absent() -> Spec:
    """Say so where an exam is not evaluated; an empty place would look like no change."""
    return {
        "name": "if_absent",
        "transform": [{"filter": "datum.absent"}],
        "mark": {"type": "text", "align": "left", "dx": 6, "fontStyle": "italic"},
        "encoding": {"x": {"datum": 0}, "text": {"value": "not evaluated"}},
    }


def _apart(axis: str) -> Spec:
    """Keep a line that spans the chart from taking part in the other axis."""
    return {"y": None} if axis == "x" else {"x": None}


def _interval(axis: str, low: str, high: str) -> Spec:
    mark = {"type": "rule", "strokeWidth": 1.8, "color": "var(--ink-soft)", "aria": False}
    ends = {axis: _measure(low, _CHANGE), f"{axis}2": {"field": high}}
    whole = [{"filter": f"isValid(datum.{low})"}]
    return {"name": f"if_{low}", "transform": whole, "mark": mark, "encoding": ends}


def _bars(axis: str, low: str, high: str, other: Spec, series: Series) -> Spec:
    mark = {"type": "rule", "strokeWidth": 1, "opacity": 0.55, "aria": False}
    ends = {axis: {"field": low, "type": "quantitative"}, f"{axis}2": {"field": high}}
    whole = [{"filter": f"isValid(datum.{low}) && isValid(datum.{high})"}]
    encoding = {**ends, **other, "color": series.colour()}
    return {"name": f"if_{low}", "transform": whole, "mark": mark, "encoding": encoding}


def _marks(x: Spec, y: Spec, fields: tuple[str, ...], series: Series) -> Spec:
    return {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 0.95},
        "encoding": {
            "x": x,
            "y": y,
            "color": series.colour(),
            "shape": series.by_dataset(SHAPES),
            "tooltip": _tip("label", "checkpoint", *fields),
        },
    }


def _by_verdict() -> Spec:
    shown = [name for name in VERDICTS if name != "missing"]
    colours = {"domain": shown, "range": [f"var(--{name})" for name in shown]}
    shapes = {"domain": shown, "range": [VERDICTS[name].shape for name in shown]}
    field = {"field": "verdict", "type": "nominal", "title": None}
    return {"color": {**field, "scale": colours}, "shape": {**field, "scale": shapes}}


def _config() -> Spec:
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
