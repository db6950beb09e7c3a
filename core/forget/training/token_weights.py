"""What the base model finds likely counts more: example weights (FLOW) and token masks (STM).

Both are settled once, before training, by the log-probabilities of the base model:

    FLOW   w_i = exp(-f_i / tau), f_i the mean of -log p over the tokens of completion i
    STM    a token whose perplexity 1 / p is above a threshold leaves the loss

(Sanyal et al. 2025, arXiv:2502.02797, algorithm 1; Wu et al. 2025, arXiv:2501.14315). A batch's
loss is ``sum_i w_i sum_t -log p(y_it) / sum_i |y_i|`` over the tokens that are left, with weights
whose mean over these tokens is 1: with equal weights it is the loss of every supervised method.

    <run>/base-scores/   the log-probabilities, and in the manifest what was made of them
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import attrs

from forget.errors import WorkError
from forget.method import SupervisedSettings, TrainingSettings, TrainTask
from forget.store.atomic import staged_folder
from forget.store.layout import RunFolder
from forget.store.manifest import seal, verify
from forget.training.checkpoints import full_disk_as_oserror
from forget.training.phase import IGNORED
from forget.training.reference import token_log_probs
from forget.training.supervised import Row

__all__ = ["effective_size", "flow_weights", "masked", "weigh_rows", "weighs"]

_FILE = "log-probs.parquet"


def weighs(settings: TrainingSettings) -> bool:
    """Say whether the settings ask for weights or masks by the base model."""
    return isinstance(settings, SupervisedSettings) and (
        settings.flow or settings.stm_perplexity is not None
    )


def weigh_rows(task: TrainTask, rows: Sequence[Row], training: str) -> list[Row]:
    """Return the rows as FLOW and STM have them; the base model is asked once for a run.

    Args:
        task: The task handed to `Method.train`; its settings are `SupervisedSettings`.
        rows: Those of the run's own examples that it trains on.
        training: Name of the training, as in its checkpoints.

    Raises:
        ModelError: The base model cannot be loaded.
        StorageError: The disk is full.
        WorkError: No token is left, or the losses have no median to divide by.
    """
    settings: SupervisedSettings = task.settings
    folder = RunFolder(task.output).base_scores
    key = _key(rows, training)
    kept = _read(folder, key)
    log_probs = token_log_probs(task, None, rows) if kept is None else kept
    left = list(rows)
    found: dict[str, Any] = {"rows": len(rows)}
    if settings.stm_perplexity is not None:
        left, found["stm"] = _masked_rows(rows, log_probs, settings.stm_perplexity, task.output)
    if settings.flow:
        losses = [-math.fsum(tokens) / len(tokens) for tokens in log_probs]
        left, found["flow"] = _weighted_rows(left, losses, settings.flow_temperature, task.output)
    if kept is None:
        _keep(folder, log_probs, {"key": key, **found})
    for line in _in_words(found):
        task.progress.note(line)
    return left


def flow_weights(losses: Sequence[float], tokens: Sequence[int], temperature: float) -> list[float]:
    """Return weights proportional to ``exp(-f_i / tau)`` whose mean over all tokens is 1.

    Args:
        losses: The base model's mean negative log-likelihood of each completion [nats].
        tokens: Tokens of each that are in the loss.
        temperature: tau [nats]; ``inf`` weighs all alike.
    """
    least = min(losses)  # a common factor, which keeps the largest weight from underflowing
    raw = [math.exp((least - loss) / temperature) for loss in losses]
    mean = math.fsum(w * n for w, n in zip(raw, tokens, strict=True)) / sum(tokens)
    return [weight / mean for weight in raw]


def masked(labels: Sequence[int], log_probs: Sequence[float], perplexity: float) -> list[int]:
    """Return the labels without those of a perplexity ``1 / p`` above a threshold.

    Args:
        labels: A row's, with as many that are not `IGNORED` as there are log-probabilities.
        log_probs: The base model's, of these [nats].
        perplexity: The highest that stays.
    """
    lowest = -math.log(perplexity)
    left = iter(log_probs)
    return [label if label != IGNORED and next(left) >= lowest else IGNORED for label in labels]


def effective_size(weights: Sequence[float]) -> float:
    """Return how many equal weights are as uneven: ``(sum w)^2 / sum w^2`` (Kish 1965)."""
    return math.fsum(weights) ** 2 / math.fsum(w * w for w in weights)


def _masked_rows(
    rows: Sequence[Row], log_probs: Sequence[Sequence[float]], perplexity: float, output: Path
) -> tuple[list[Row], dict[str, Any]]:
    left = [
        attrs.evolve(row, labels=masked(row.labels, scores, perplexity))
        for row, scores in zip(rows, log_probs, strict=True)
    ]
    before, after = (sum(row.tokens for row in some) for some in (rows, left))
    if not after:
        least = math.exp(-max(max(scores) for scores in log_probs))
        raise WorkError(
            f"stm_perplexity={perplexity:g} leaves nothing to learn: under the base model every "
            f"one of the {before:,} completion tokens has a higher perplexity, the least of them "
            f"{least:.4g}. Raise it; {_frozen(output)}"
        )
    return left, {
        "perplexity": perplexity,
        "tokens": before,
        "masked_tokens": before - after,
        "masked_share": 1 - after / before,
        "rows_without_tokens": sum(not row.tokens for row in left),
    }


def _weighted_rows(
    rows: Sequence[Row], losses: Sequence[float], temperature: float | None, output: Path
) -> tuple[list[Row], dict[str, Any]]:
    tau = median(losses) if temperature is None else temperature
    if not tau:
        raise WorkError(
            "flow divides by the median of the base model's losses, and it is 0: the base model is "
            "certain of more than half of the examples already. Set flow_temperature to a number; "
            f"{_frozen(output)}"
        )
    weights = flow_weights(losses, [row.tokens for row in rows], tau)
    left = [attrs.evolve(row, weight=w) for row, w in zip(rows, weights, strict=True)]
    counted = [row.weight for row in left if row.tokens]
    return left, {
        "temperature": tau,
        "effective_rows": effective_size(counted),
        "least_weight": min(counted),
        "greatest_weight": max(counted),
    }


def _in_words(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if "stm" in found:
        stm = found["stm"]
        lines.append(
            f"{100 * stm['masked_share']:.1f} % of {stm['tokens']:,} completion tokens have a "
            f"perplexity above {stm['perplexity']:g} under the base model and leave the loss; "
            f"nothing is left of {stm['rows_without_tokens']:,} of {found['rows']:,} examples"
        )
    if "flow" in found:
        flow = found["flow"]
        lines.append(
            f"{found['rows']:,} examples weighted by the base model's loss, temperature "
            f"{flow['temperature']:.3g}: weights from {flow['least_weight']:.2g} to "
            f"{flow['greatest_weight']:.2g}, as uneven as {flow['effective_rows']:,.1f} equal ones"
        )
    return lines


def _frozen(output: Path) -> str:
    return (
        f"the settings of {output} are frozen, so delete it first, or choose another folder by "
        "--out."
    )


def _key(rows: Sequence[Row], training: str) -> str:
    content = json.dumps([[list(row.input_ids), list(row.labels)] for row in rows])
    return hashlib.sha256(f"{training}/{content}".encode()).hexdigest()


def _read(folder: Path, key: str) -> list[list[float]] | None:
    manifest = verify(folder)
    if manifest is None or manifest.details.get("key") != key:
        return None
    from pyarrow import parquet

    kept: list[list[float]] = parquet.read_table(folder / _FILE)["log_probs"].to_pylist()
    return kept


def _keep(folder: Path, log_probs: Sequence[Sequence[float]], details: Mapping[str, Any]) -> None:
    import pyarrow
    from pyarrow import parquet

    # They were computed in float32, so nothing is rounded.
    column = pyarrow.array(log_probs, pyarrow.list_(pyarrow.float32()))
    with staged_folder(folder) as staging, full_disk_as_oserror():
        parquet.write_table(pyarrow.table({"log_probs": column}), staging / _FILE)
        seal(staging, "base-scores", details)
