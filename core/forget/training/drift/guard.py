"""Work beside a training that leaves no trace in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["undisturbed"]


@contextmanager
def undisturbed(model: Any | None = None) -> Iterator[None]:
    """Put random numbers, and the mode of every part of a model, back to what they were.

    The model is in evaluation mode meanwhile.

    Args:
        model: The model, if there is one already.
    """
    import numpy
    import torch

    modes = {} if model is None else {part: part.training for part in model.modules()}
    python, numbers = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng():
        try:
            if model is not None:
                model.eval()
            yield
        finally:
            for part, training in modes.items():
                part.training = training
            random.setstate(python)
            numpy.random.set_state(numbers)
