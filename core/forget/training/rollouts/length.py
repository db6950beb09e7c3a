"""How long a training in rounds is: its steps follow from what the model writes in each."""

from __future__ import annotations

import attrs

from forget.training.length import Length, drawn
from forget.training.plan import Schedule, make_schedule
from forget.training.rollouts.settings import RoundSettings

__all__ = ["RoundsLength", "round_schedule"]


class RoundsLength:
    """What methods can tell that train by `train_rounds`: an upper bound, every completion counted.

    Those that teach nothing are left out, so that a round may be shorter; not if ``max_steps`` is
    set.
    """

    def most_rows(self, settings: RoundSettings, examples: int) -> int:
        """See `Foreseeable.most_rows`."""
        return drawn(settings, examples)

    def length(self, settings: RoundSettings, rows: int) -> Length:
        """See `Foreseeable.length`."""
        asked = min(rows, settings.questions_per_round or rows)
        steps = tuple(
            round_schedule(settings, self.learned(settings, asked, index), index).steps
            for index in range(settings.rounds)
        )
        return Length(steps, exact=settings.max_steps is not None)

    def learned(self, settings: RoundSettings, questions: int, index: int) -> int:
        """Return how many examples a round makes at most of so many questions."""
        return questions * settings.num_generations


def round_schedule(settings: RoundSettings, rows: int, index: int) -> Schedule:
    """Work out the steps of a round; ``max_steps`` is divided among all of them.

    Args:
        settings: The method's.
        rows: Examples in the round.
        index: Its number, from 0.

    Raises:
        SettingsError: See `make_schedule`.
    """
    total = settings.max_steps
    if total is None:
        return make_schedule(settings, rows)
    rounds = settings.rounds
    share = total * (index + 1) // rounds - total * index // rounds
    return make_schedule(attrs.evolve(settings, max_steps=max(1, share)), rows)
