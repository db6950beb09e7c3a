"""What goes wrong in reinforcement learning without stopping it, said once and with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["FEWEST_GROUPS", "Watch"]

FEWEST_GROUPS = 32
"""Groups from which on something is said: of fewer, all may be silent by chance."""

_MANY_CUT = 0.5
_SATURATED = 0.9
"""Shares beyond which something is said."""


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
