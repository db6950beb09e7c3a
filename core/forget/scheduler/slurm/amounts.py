"""Amounts as Slurm writes them; what is not one of them is a ValueError."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["gpus", "megabytes", "minutes", "trackable"]

_UNITS = {"": 1.0, "K": 2**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20, "P": 2.0**30}
"""In MiB, which is what is meant where no unit is written."""


def trackable(text: str) -> Mapping[str, str]:
    """Read ``cpu=1,mem=100M,node=1,gres/gpu=2``."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name: value for name, _, value in pairs}


def megabytes(text: str) -> int:
    """Read ``100M``, ``2.50T``, ``4Gc`` [MiB]."""
    match = re.fullmatch(r"([\d.]+)([KMGTP]?)[nc]?", text)
    if match is None:
        raise ValueError(f"{text!r} is no amount of memory")
    return round(float(match[1]) * _UNITS[match[2]])


def gpus(text: str) -> int:
    """Count the GPUs in ``gres:gpu:2``, ``gpu:2080ti:4(S:0-1)``, ``gres/gpu=2``, ``N/A``."""
    found = 0
    for part in re.sub(r"\([^)]*\)", "", text).split(","):
        words = re.split(r"[:=]", part.removeprefix("gres/").removeprefix("gres:"))
        if words[0] == "gpu":  # then perhaps a model, which may be all digits, and the number
            found += int(words[-1]) if words[-1].isdigit() else 1
    return found


def minutes(text: str) -> int | None:
    """Read a time limit: ``7-00:00:00``, ``16:00:00``, ``30:00``; None for ``infinite``."""
    if text in ("infinite", "UNLIMITED", "n/a"):
        return None
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if match is None:
        raise ValueError(f"{text!r} is no time limit")
    days, hours, rest, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + rest
