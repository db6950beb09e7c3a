"""What is looked at, and what was found of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import attrs

from forget.mirror import Mirror

__all__ = ["Check", "Diagnosis", "Found", "State", "commands", "fetch_data"]

State = Literal["fine", "note", "problem"]

_FETCH = ["forget", "data", "fetch"]


class Found(NamedTuple):
    """What a check found.

    Attributes:
        text: What there is, or what is wrong.
        state: Whether that will do; a `note` does not keep a run from its work.
        remedy: What to do about it, where no single command does it.
        command: The command line that mends it.
    """

    text: str
    state: State = "fine"
    remedy: str = ""
    command: str = ""


class Check(NamedTuple):
    """One thing to look at.

    Attributes:
        area: What kind of thing it is: ``model``, ``benchmark``.
        name: Its name.
        look: Looks at it; whatever it raises is a problem.
        command: The command line that mends it if that raised.
    """

    area: str
    name: str
    look: Callable[[], Found]
    command: str = ""


@attrs.frozen(kw_only=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        area: What kind of thing it is.
        name: Its name.
        state: ``fine``; ``note`` (the runs work all the same); ``problem`` (they do not).
        found: What there is, or what is wrong.
        remedy: What to do about it, where no single command does it.
        command: The command line that mends it, on a machine with a network where it fetches.
        seconds: How long it took to look.
    """

    area: str
    name: str
    state: State
    found: str
    remedy: str = ""
    command: str = ""
    seconds: float = 0.0


def fetch_data(names: Iterable[str], mirror: Mirror) -> str:
    """Return the command that fetches data, into the mirror that is used or into one to be made."""
    root = mirror.root or Path("mirror")
    return shlex.join([*_FETCH, *names, "--data", str(root)])


def commands(diagnoses: Sequence[Diagnosis]) -> list[str]:
    """List the command lines that mend what is wrong, all data of a mirror by one of them."""
    names: dict[tuple[str, ...], list[str]] = {}
    for diagnosis in diagnoses:
        words = shlex.split(diagnosis.command)
        if words[: len(_FETCH)] == _FETCH:
            start = words.index("--data")
            names.setdefault(tuple(words[start:]), []).extend(words[len(_FETCH) : start])
    fetches = [
        shlex.join([*_FETCH, *dict.fromkeys(wanted), *where]) for where, wanted in names.items()
    ]
    others = (d.command for d in diagnoses if shlex.split(d.command)[: len(_FETCH)] != _FETCH)
    return [*fetches, *dict.fromkeys(filter(None, others))]
