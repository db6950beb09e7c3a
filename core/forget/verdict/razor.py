"""Does the distance from the base tell how much is forgotten? RL's Razor, over finished runs.

Shenfeld et al. 2025 (arXiv:2509.04259) find that the forward KL divergence on prompts of the new
task predicts forgetting across methods by a quadratic fit, and that the change of the weights does
not. Here are the same fits over the checkpoints of one's own runs, and the harder question:
whether a curve of the other methods tells those of a method it has not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs
import numpy as np

from forget.metrics.quadratic import (
    Quadratic,
    fit_quadratic,
    held_out_r2,
    predict_held_out,
)
from forget.verdict.averages import whole_averages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KL", "PREDICTORS", "HeldOut", "Prediction", "Razor", "fit_razor"]

KL = "kl_to_base"
"""The predictor that RL's Razor is about."""

PREDICTORS = (KL, "reverse_kl_to_base", "changed_weights", "relative_change", "step")
"""What forgetting is told by: KL and what it is compared with."""

_NAMES = [
    "run", "path", "model", "dataset", "method", "variant", "seed", "checkpoint", "step", "last",
    "averaged",
]  # fmt: skip


class HeldOut(NamedTuple):
    """How the curve of all other methods tells the points of one.

    Attributes:
        method: The method that was left out.
        points: Number of its points.
        error: Root of the mean squared error.
        bias: Mean of observed - predicted: above 0, it forgets more than the others do at its
            distance.
    """

    method: str
    points: int
    error: float
    bias: float


@attrs.frozen(kw_only=True)
class Prediction:
    """Forgetting as a quadratic function of one number that is known of a checkpoint.

    Attributes:
        predictor: One of `PREDICTORS`.
        fit: The curve through all points where it is known.
        held_out_r2: R2 of each point told by the curve of the other methods; None where there is
            one method alone, or the others' points are too few.
        held_out: The same method by method.
    """

    predictor: str
    fit: Quadratic
    held_out_r2: float | None
    held_out: tuple[HeldOut, ...]


@attrs.frozen(kw_only=True, eq=False)
class Razor:
    """What predicts forgetting.

    Attributes:
        points: One row for each checkpoint: its names, the `PREDICTORS`, `forgetting` (the negated
            average delta, above 0 for lost) and its `stderr`.
        kl: The fit on the forward KL.
        others: The fits on the other predictors, of those that can be fitted.
        settings: What points are of, "model / dataset", with the number of benchmarks where the
            averages are of different ones; of several, their numbers are not comparable.
    """

    points: pd.DataFrame
    kl: Prediction
    others: tuple[Prediction, ...]
    settings: tuple[str, ...]

    def curve(self, count: int = 100, level: float = 0.95) -> pd.DataFrame:
        """Return the fit on KL and its confidence band, from the smallest to the largest KL.

        The band is of least squares: it takes points as independent, which checkpoints of one run
        are not, so it is narrower than the truth.

        Args:
            count: Number of rows.
            level: Confidence of the band at each single KL.

        Returns:
            Columns `kl_to_base`, `forgetting`, `low`, `high`.
        """
        import pandas as pd

        places = np.linspace(self.points[KL].min(), self.points[KL].max(), count)
        estimates = [self.kl.fit.at(float(place)) for place in places]
        ends = [estimate.interval(level) for estimate in estimates]
        return pd.DataFrame(
            {
                KL: places,
                "forgetting": [estimate.centre for estimate in estimates],
                "low": [low for low, _ in ends],
                "high": [high for _, high in ends],
            }
        )


def fit_razor(results: pd.DataFrame) -> Razor | None:
    """Fit forgetting on KL, and on what it is compared with, over checkpoints of any runs.

    Args:
        results: The frame of results.

    Returns:
        The fits; None where fewer than four checkpoints have a KL and the average delta of all
        their benchmarks, or fewer than three of their KLs differ.
    """
    points = _points(results)
    kl = _predict(points, KL)
    if kl is None:
        return None
    others = (_predict(points, predictor) for predictor in PREDICTORS if predictor != KL)
    return Razor(
        points=points,
        kl=kl,
        others=tuple(prediction for prediction in others if prediction is not None),
        settings=_settings(points),
    )


def _points(results: pd.DataFrame) -> pd.DataFrame:
    """Return the checkpoints with a KL and an average delta."""
    average = whole_averages(results)
    points: pd.DataFrame = average[_NAMES].assign(
        changed_weights=1 - average["unchanged_weights"].astype(float),
        forgetting=-average["delta"].astype(float),
        stderr=average["stderr"].astype(float),
        **{name: average[name].astype(float) for name in PREDICTORS if name in average},
    )
    known = np.isfinite(points[KL]) & np.isfinite(points["forgetting"])
    found: pd.DataFrame = points.loc[known].reset_index(drop=True)
    return found


def _settings(points: pd.DataFrame) -> tuple[str, ...]:
    settings = points["model"] + " / " + points["dataset"]
    if points["averaged"].nunique() > 1:
        numbers = points["averaged"].str.count(",").add(1).astype(str)
        settings += " on " + numbers + " benchmarks"
    different: list[str] = settings[~(settings + points["averaged"]).duplicated()].tolist()
    return tuple(different)


def _predict(points: pd.DataFrame, predictor: str) -> Prediction | None:
    known = points[np.isfinite(points[predictor])]
    x_N, y_N = known[predictor].to_numpy(float), known["forgetting"].to_numpy(float)
    fit = fit_quadratic(x_N, y_N)
    if fit is None:
        return None
    methods = known["method"].tolist()
    predicted_N = predict_held_out(x_N, y_N, methods)
    if predicted_N is None:
        return Prediction(predictor=predictor, fit=fit, held_out_r2=None, held_out=())
    residuals = known.assign(residual=y_N - predicted_N).groupby("method", sort=False)["residual"]
    return Prediction(
        predictor=predictor,
        fit=fit,
        held_out_r2=held_out_r2(y_N, predicted_N),
        held_out=tuple(
            HeldOut(
                method=str(method),
                points=len(residual),
                error=float(np.sqrt((residual**2).mean())),
                bias=float(residual.mean()),
            )
            for method, residual in residuals
        ),
    )
