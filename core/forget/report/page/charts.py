"""The page's charts as Vega-Lite specifications, without data.

The page hands each chart rows of the frame under the name `rows`, with shares in points of 100, and
the size that fits the window. A layer named `if_FIELD` is left out where no row has that field.
Colours are style variables of the page: a theme changes them, and paper gets the light ones,
without a chart being drawn anew.
"""

from __future__ import annotations

from forget.report.page.marks import (
    CHANGE,
    DASHES,
    GAINED,
    JUDGED,
    Series,
    Spec,
    absent,
    bars,
    by_verdict,
    config,
    interval,
    margin_band,
    measure,
    series_marks,
    tip,
    zero,
)

__all__ = ["charts"]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


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
    return {name: {"$schema": _SCHEMA, "config": config(), **spec} for name, spec in found.items()}


def _forest(margin: float) -> Spec:
    row = {"field": "label", "type": "nominal", "sort": None, "title": None}
    return {
        "data": {"name": "rows"},
        "width": "container",
        "encoding": {"y": row},
        "layer": [
            margin_band(margin, "x"),
            zero("x"),
            interval("x", "low", "high"),
            {
                "name": "if_delta",
                "transform": [{"filter": "isValid(datum.delta)"}],
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {
                    "x": measure("delta", CHANGE, tickCount=8),
                    **by_verdict(),
                    "tooltip": tip("title", "checkpoint", *JUDGED),
                },
            },
            absent(),
        ],
    }


def _trajectories() -> Spec:
    step = measure("step", "optimiser step", tickCount=4, grid=False)
    return {
        "data": {"name": "rows"},
        "facet": {"field": "label", "type": "nominal", "title": None, "sort": None},
        "spec": {
            "height": 120,
            "encoding": {"x": step},
            "layer": [
                zero("y"),
                {
                    "name": "if_band_low",
                    "mark": {"type": "area", "opacity": 0.22, "color": "var(--series-1)"},
                    "encoding": {
                        "y": measure("band_low", CHANGE, tickCount=4),
                        "y2": {"field": "band_high"},
                    },
                },
                {
                    "mark": {"type": "line", "color": "var(--series-1)", "strokeWidth": 1.8},
                    "encoding": {"y": measure("delta", CHANGE)},
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 1},
                    "encoding": {
                        "y": measure("delta", CHANGE),
                        **by_verdict(),
                        "size": {
                            "condition": {"test": "datum.last", "value": 85},
                            "value": 28,
                        },
                        "tooltip": tip("label", "checkpoint", "delta", "band", "verdict"),
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
                margin_band(margin, "x"),
                zero("x"),
                interval("x", "low", "high"),
                {
                    "name": "if_delta",
                    "transform": [{"filter": "isValid(datum.delta)"}],
                    "mark": {"type": "point", "filled": True, "opacity": 1},
                    "encoding": {
                        "x": measure("delta", CHANGE, tickCount=5),
                        **by_verdict(),
                        "size": {
                            "condition": {"test": "isValid(datum.seeds)", "value": 200},
                            "value": 60,
                        },
                        "tooltip": tip("label", "title", "checkpoint", *JUDGED),
                    },
                },
                absent(),
            ],
        },
    }


def _frontier(margin: float, series: Series) -> Spec:
    x = measure("task_delta", "gained on the task, points", tickCount=8)
    y = measure("delta", "average of the benchmarks, change in points", tickCount=7)
    return {
        "data": {"name": "rows"},
        "width": "container",
        "height": 380,
        "layer": [
            margin_band(margin, "y"),
            zero("x"),
            zero("y"),
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
            bars("x", "task_low", "task_high", {"y": y}, series),
            bars("y", "low", "high", {"x": x}, series),
            series_marks(x, y, GAINED, series),
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
                "encoding": {"x": fit, "y": measure("forgotten", lost)},
            },
            {
                "data": {"name": "rows"},
                **series_marks(
                    {**measure("kl_to_base", kl, tickCount=8), "scale": {"zero": True}},
                    measure("forgotten", lost, tickCount=7),
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
            "x": measure("step", "optimiser step", tickCount=8),
            "y": {"field": "value", "type": "quantitative", "scale": {"zero": False}},
            "color": series.colour(),
            "strokeDash": series.by_dataset(DASHES),
            "detail": {"field": "run"},
            "tooltip": tip("label", "step", "value"),
        },
    }
