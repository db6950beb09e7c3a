"""The pull towards the base weights after every optimiser step: `l2_to_base`.

    theta <- theta - lr_t * l2 * (theta - theta0)

is one step of gradient descent on the L2-SP penalty ``l2 / 2 * ||theta - theta0||^2`` (Li et al.
2018, arXiv:1802.01483, equation 2), taken beside the optimiser's own step as AdamW takes weight
decay (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2): the penalty's gradient is not
divided by the gradient's second moment, so one `l2` means the same for every weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BasePull", "as_callback", "pull", "weights_of"]

_KEPT_BITS, _LOST_BITS = -0x10000, 0x10000
"""Of a float32's 32 bits, bfloat16 has the upper 16."""


class BasePull:
    """Pulls a model towards its base after each optimiser step; the same for every trainer.

    The base stays in the computer's memory, in the student's number format, and goes to the
    accelerator one tensor at a time: a second model there would halve what can be trained. Reading
    its file instead would have to repeat what transformers does with names and formats.
    """

    def __init__(self, base: Mapping[str, Any], l2: float, seed: int, first: int) -> None:
        """Take the base's weights.

        Args:
            base: Parameter name to tensor, of the model the run started from.
            l2: Strength of the pull.
            seed: Seed of the run.
            first: Steps of the run that were done before this trainer's first.
        """
        self._base, self._l2 = base, l2
        self._seed, self._first = seed, first

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Pull, by the learning rate of the step just taken."""
        import torch

        share = kwargs["optimizer"].param_groups[0]["lr"] * self._l2
        parameters = dict(kwargs["model"].named_parameters())
        device = next(iter(parameters.values())).device
        # Its numbers are a function of seed and step alone, so a resumed training draws the same.
        random = torch.Generator(device)
        random.manual_seed((self._seed << 32) + self._first + state.global_step)
        for name, parameter in parameters.items():
            pull(parameter.data, self._base[name], share, random)


def as_callback(base_pull: BasePull) -> Any:
    """Return what `Trainer.add_callback` takes."""
    from transformers import TrainerCallback

    class Callback(TrainerCallback):
        """Does nothing at all other events."""

        on_optimizer_step = base_pull.on_optimizer_step

    return Callback()


def weights_of(model: Any) -> dict[str, Any]:
    """Return a copy of a model's parameters in the computer's memory."""
    return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters()}


def pull(theta: Any, theta0: Any, share: float, random: Any) -> None:
    """Move weights in place by a share of their way back to the base.

    In bfloat16 the way is mostly shorter than half the distance to the next number, and rounding
    to the nearest would leave every weight where it is. There the result is rounded up or down
    with probabilities that keep its expectation (stochastic rounding, Zamirai et al. 2020,
    arXiv:2010.06192, section 3); a weight that equals the base's stays as it is.

    Args:
        theta: The weights.
        theta0: The base's, on any device.
        share: The share of the way, ``lr * l2``.
        random: Generator on the device of `theta`.
    """
    import torch

    theta0 = theta0.to(theta.device)
    if theta.dtype != torch.bfloat16:
        theta.sub_(theta - theta0, alpha=share)
        return
    exact = theta.float()
    exact -= share * (exact - theta0.float())
    bits = exact.view(torch.int32)
    bits += torch.randint(
        _LOST_BITS, bits.shape, dtype=torch.int32, device=bits.device, generator=random
    )
    bits &= _KEPT_BITS
    theta.copy_(exact)
