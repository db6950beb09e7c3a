"""Divergences estimated on completions that another policy drew: a mixin for TRL's SFTTrainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from forget.training.divergences import Divergence, over_samples
from forget.training.weighted import SCALE

__all__ = ["DRAWN", "TARGET", "Draws", "SampledDivergence", "sampled"]

TARGET, DRAWN = "target", "drawn"
"""Columns: the density ratio u of an example, and its log-probability under who drew it."""


class Draws(NamedTuple):
    """Rows that were drawn from a policy; the weight of a row is its target's density ratio.

    Attributes:
        log_probs: Log-probability of each row's tokens under that policy, summed.
        divergence: Which is estimated.
    """

    log_probs: Sequence[float]
    divergence: Divergence


class SampledDivergence:
    """Mixin for `trl.SFTTrainer` whose loss becomes ``sum_i scale_i d(u_i, rho_i)``.

    See `divergences.over_samples`; every scale has been divided by its whole batch's sum.
    """

    accelerator: Any
    divergence: Divergence

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the loss."""
        scale_B, target_B, drawn_B = (inputs.pop(n)[:, 0] for n in (SCALE, TARGET, DRAWN))
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        log_rho_B = outputs.log_probs.float().sum(1) - drawn_B  # they are 0 where ignored
        summands_B = over_samples(target_B, log_rho_B, self.divergence)
        # Processes average their gradients, and the sum is over all of them.
        loss = (scale_B * summands_B).sum() * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def sampled(divergence: Divergence) -> type:
    """Return the mixin for one divergence."""
    return type("Sampled", (SampledDivergence,), {"divergence": divergence})
