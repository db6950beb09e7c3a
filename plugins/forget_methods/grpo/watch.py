"""What goes wrong in reinforcement learning without stopping it, said once and with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["FEWEST_GROUPS", "Watch", "unmoved_share", "warn_of_rounding"]

FEWEST_GROUPS = 32
"""Groups from which on something is said: of fewer, all may be silent by chance."""

_MANY_CUT = 0.5
_SATURATED = 0.9
_UNMOVED = 0.5
"""Shares beyond which something is said."""

_SAMPLED = 4096
"""Weights of each tensor that are looked at."""


class Watch:
    """Looks at windows of batches of completions and tells of what stays unseen in a loss.

    Attributes:
        detail: The last batch in a few words.

    Args:
        note: Tells the user a line.
        window: Batches that are averaged over.
        limit: Greatest length of a completion [tokens].
    """

    def __init__(self, note: Callable[[str], None], window: int, limit: int) -> None:
        self._note = note
        self._window = window
        self._limit = limit
        self._seen: list[Mapping[str, float]] = []
        self._told: set[str] = set()
        self.detail = ""

    def add(self, shares: Mapping[str, float]) -> None:
        """Take the shares of one batch; at the end of a window, say what is wrong."""
        self._seen.append(shares)
        self.detail = f"{100 * shares['correct_share']:.0f} % correct"
        if len(self._seen) < self._window:
            return
        means = {name: sum(seen[name] for seen in self._seen) / self._window for name in shares}
        self._seen.clear()
        if means["truncated_share"] > _MANY_CUT:
            self._tell("cut", _cut(means["truncated_share"], self._window, self._limit))
        if means["no_signal_share"] >= _SATURATED:
            self._tell("saturated", _saturated(means, self._window))

    def _tell(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._note(text)


def warn_of_rounding(note: Callable[[str], None], weights: Sequence[Any], settings: Any) -> None:
    """Say so if most of the weights are too coarse to be changed by a step.

    Args:
        note: Tells the user a line.
        weights: The tensors that are trained.
        settings: Its ``lr`` and ``dtype``.
    """
    share = unmoved_share(weights, settings.lr)
    if share > _UNMOVED:
        note(
            f"dtype={settings.dtype} is too coarse for lr={settings.lr:g}: a step changes a weight "
            f"by about lr, and for {100 * share:.0f} % of the weights that is less than rounding "
            "takes away again. Set dtype=float32, which a GPU computes with in bfloat16."
        )


def unmoved_share(weights: Sequence[Any], step: float) -> float:
    """Return the share of weights that adding or subtracting a number leaves as they are.

    AdamW changes a weight by ``lr`` times a number of about 1 (Kingma & Ba 2015,
    arXiv:1412.6980, section 2.1), and the result is rounded to the format's next number.

    Args:
        weights: Tensors; some thousand evenly spaced numbers of each are looked at.
        step: What is added.
    """
    unmoved, total = 0.0, 0
    for tensor in weights:
        flat = tensor.detach().flatten()
        some = flat[:: max(1, len(flat) // _SAMPLED)]
        share = float((((some + step) == some) & ((some - step) == some)).float().mean())
        unmoved += share * len(flat)
        total += len(flat)
    return unmoved / max(1, total)


def _cut(share: float, window: int, limit: int) -> str:
    return (
        f"{100 * share:.0f} % of the completions of the last {_steps(window)} were cut at "
        f"max_completion_length={limit}. An answer that is cut earns nothing from the verifier, so "
        "what is learned first is to be short. Raise max_completion_length, or set "
        "mask_truncated_completions=true."
    )


def _saturated(means: Mapping[str, float], window: int) -> str:
    silent, right, wrong = (
        100 * means[name] for name in ("no_signal_share", "all_right_share", "all_wrong_share")
    )
    advice = (
        "The model has learned what there is to learn: stop here, or take harder questions."
        if right > wrong
        else "The questions are too hard for it as it stands: raise num_generations or "
        "max_completion_length, take easier questions, or start with a supervised method."
    )
    return (
        f"{silent:.0f} % of the groups of the last {_steps(window)} taught nothing, for the "
        f"rewards of a group were all equal: in {right:.0f} % all completions were right, in "
        f"{wrong:.0f} % all were wrong. {advice}"
    )


def _steps(window: int) -> str:
    return "batch" if window == 1 else f"{window} batches"
