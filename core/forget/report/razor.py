"""What predicts forgetting, as tables in a terminal and as JSON: `forget report --razor`."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.metrics.quadratic import FEWEST
from forget.verdict.razor import PREDICTORS, HeldOut, Prediction, Razor

__all__ = ["TITLES", "razor_as_plain", "render_razor"]

TITLES = {
    "kl_to_base": "KL from the base",
    "reverse_kl_to_base": "KL to the base, reverse",
    "changed_weights": "share of weights changed",
    "relative_change": "relative change of weights",
    "step": "optimiser step",
}
"""What predicts forgetting, for people."""

_TOO_FEW = (
    f"Nothing to fit: fewer than {FEWEST} checkpoints have both a KL from the base and all "
    "benchmarks evaluated, or their KLs hardly differ. The KL is measured in training, unless "
    "drift_prompts is 0."
)

_BIAS = "error and bias in points of 100; bias above 0: it forgets more than the others at its KL"

_EXPLANATION = (
    "Forgetting (the negated average delta) as a + b x + c x², without weights. R² = share of its "
    "variance that x explains; adjusted for two coefficients; left out = R² when the points of "
    "each method are told by the curve of the others: 0 is no better than the mean, below 0 "
    "misleads. Checkpoints of one run are alike, so their number makes it look surer than it is."
)


def render_razor(razor: Razor | None) -> RenderableType:
    """Return the predictors beside each other, and how the KL's curve misses each method.

    Args:
        razor: What was found; None where there was too little to fit.
    """
    if razor is None:
        return Text(_TOO_FEW)
    parts: list[RenderableType] = [*_predictors(razor), _equation(razor.kl)]
    if razor.kl.held_out:
        parts += [Text(), *_methods(razor.kl.held_out), Text(_BIAS)]
    return Group(*parts, *_warnings(razor), Text(_EXPLANATION, style="dim"))


def razor_as_plain(razor: Razor | None) -> dict[str, Any] | None:
    """Return points and fits for `--json`; None where there was too little to fit."""
    if razor is None:
        return None
    return {
        "settings": list(razor.settings),
        "fits": [_fit(prediction) for prediction in (razor.kl, *razor.others)],
        "points": [_point(row) for row in razor.points.to_dict("records")],
    }


def _predictors(razor: Razor) -> tuple[Text, Table]:
    methods = razor.points["method"].nunique()
    title = f"what predicts forgetting: {len(razor.points)} checkpoints of {methods} method"
    table = Table()
    table.add_column("predictor", overflow="fold")
    for heading in ("points", "R²", "adjusted", "left out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for found in (razor.kl, *razor.others):
        shares = (found.fit.r2, found.fit.adjusted_r2, found.held_out_r2)
        table.add_row(TITLES[found.predictor], str(found.fit.points), *map(_share, shares))
    return Text(title + "s" * (methods != 1), style="italic"), table


def _equation(kl: Prediction) -> Text:
    a, b, c = (100 * coefficient for coefficient in kl.fit.coefficients)
    curve = f"{a:.3g} {b:+.3g} KL {c:+.3g} KL²"
    return Text(f"forgetting = {curve} [points of 100; KL in nats a token]")


def _methods(held_out: tuple[HeldOut, ...]) -> tuple[Text, Table]:
    table = Table()
    table.add_column("method", overflow="fold")
    for heading in ("points", "error", "bias"):
        table.add_column(heading, justify="right", no_wrap=True)
    for held in held_out:
        error, bias = f"{100 * held.error:.2f}", f"{100 * held.bias:+.2f}"
        table.add_row(held.method, str(held.points), error, bias)
    return Text("each method by the others' curve on KL", style="italic"), table


def _warnings(razor: Razor) -> Iterator[Text]:
    if len(razor.settings) > 1:
        yield Text(
            f"These are points of several kinds ({', '.join(razor.settings)}), whose KLs are on "
            "different prompts, or averages of different benchmarks: name the runs of one kind.",
            style="yellow",
        )
    if not razor.kl.held_out:
        yield Text(
            "No method could be left out: that takes two methods, and "
            f"{FEWEST} checkpoints without each."
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _fit(prediction: Prediction) -> dict[str, Any]:
    fit = prediction.fit
    return {
        "predictor": prediction.predictor,
        "points": fit.points,
        "coefficients": list(fit.coefficients),
        "r2": fit.r2,
        "adjusted_r2": fit.adjusted_r2,
        "held_out_r2": prediction.held_out_r2,
        "held_out": [held._asdict() for held in prediction.held_out],
    }


def _point(row: dict[Any, Any]) -> dict[str, Any]:
    names = ("run", "method", "checkpoint")
    numbers = ("forgetting", "stderr", *PREDICTORS)
    return {
        **{name: row[name] for name in names},
        **{name: row[name] if isfinite(row[name]) else None for name in numbers},
    }
