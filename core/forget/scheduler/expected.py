"""How many models a training will still make: by the rule of its method, from counts alone."""

from __future__ import annotations

from typing import NamedTuple

from forget.errors import RequestError, SettingsError
from forget.inventory.sources import most_examples
from forget.plan import Run
from forget.session import Session
from forget.training.length import Foreseeable, Length

__all__ = ["Expectations", "Expected"]


class Expected(NamedTuple):
    """How many models are expected.

    Attributes:
        models: Their number; None where it is not known.
        exact: It is so many; else at most.
    """

    models: int | None
    exact: bool = True


class Expectations:
    """What is expected of the runs of a session; each dataset is counted once.

    Args:
        session: Its mirror has the datasets.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._examples: dict[str, int | None] = {}

    def to_come(self, run: Run, rows: int | None) -> Expected:
        """Return how many models the training of a run will still make.

        Args:
            run: The run.
            rows: Rows of its prepared data; None if there are none yet.
        """
        length = self.length(run, rows)
        if length is None:
            return Expected(None)
        checkpoints = len(length.checkpoints(run.settings.checkpoint_every))
        left = max(0, checkpoints - len(run.folder.steps()))
        return Expected(left + len(run.settings.wise_ft), length.exact)

    def steps(self, run: Run, rows: int | None) -> int | None:
        """Return how many steps the training of a run will take; None where nobody can say.

        Args:
            run: The run.
            rows: Rows of its prepared data; None if there are none yet.
        """
        length = self.length(run, rows)
        return sum(length.phases) if length is not None and length.exact else None

    def length(self, run: Run, rows: int | None) -> Length | None:
        """Return how long the training of a run will be; None if it is not known.

        Args:
            run: The run.
            rows: Rows of its prepared data; None if there are none yet.
        """
        method, steps = run.method.record, run.settings.max_steps
        if not isinstance(method, Foreseeable):
            return None if steps is None else Length((steps,))
        known = rows if rows is not None else self._most_rows(run, method)
        if known is None and steps is None:
            return None
        try:
            # Where the steps are set, their number does not depend on the rows.
            found = method.length(run.settings, known or run.settings.batch_size)
        except SettingsError:  # the training will say it
            return None
        exact = steps is not None or (rows is not None and found.exact)
        return found._replace(exact=exact)

    def _most_rows(self, run: Run, method: Foreseeable) -> int | None:
        examples = self._most_examples(run)
        try:
            return None if examples is None else method.most_rows(run.settings, examples)
        except RequestError:  # the run will say it
            return None

    def _most_examples(self, run: Run) -> int | None:
        if run.restriction is not None:
            return len(run.restriction.questions)
        dataset = run.dataset.record
        if dataset.name not in self._examples:
            mirror = self._session.mirror
            self._examples[dataset.name] = most_examples(dataset, "train", mirror)
        return self._examples[dataset.name]
