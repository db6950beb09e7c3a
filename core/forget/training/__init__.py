"""What methods share: examples with loss masks, the supervised loop, checkpoints, exact resume.

A method's `prepare` ends in `write_examples` (or in `write_trajectories`, which has a teacher write
them), its `train` in `train_supervised`; a method with a
loop of its own takes the parts: `plan` (steps and data order), `checkpoints` (what is on disk),
`loop` (what makes a Hugging Face trainer stop and continue without a trace).

Importing this package loads neither torch nor any other large library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forget.training.examples import Conversation, read_examples, write_examples
    from forget.training.length import Length, SupervisedLength
    from forget.training.supervised import train_supervised
    from forget.training.trajectories.generate import write_trajectories
    from forget.training.trajectories.method import TaughtSft
    from forget.training.trajectories.settings import TrajectorySettings

__all__ = [
    "Conversation",
    "Length",
    "SupervisedLength",
    "TaughtSft",
    "TrajectorySettings",
    "read_examples",
    "train_supervised",
    "write_examples",
    "write_trajectories",
]

_HOMES = {
    "Conversation": "forget.training.examples",
    "Length": "forget.training.length",
    "SupervisedLength": "forget.training.length",
    "TaughtSft": "forget.training.trajectories.method",
    "TrajectorySettings": "forget.training.trajectories.settings",
    "read_examples": "forget.training.examples",
    "train_supervised": "forget.training.supervised",
    "write_examples": "forget.training.examples",
    "write_trajectories": "forget.training.trajectories.generate",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
