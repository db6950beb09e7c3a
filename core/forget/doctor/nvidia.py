"""What the driver says of NVIDIA's cards, without importing torch (which takes seconds)."""

from __future__ import annotations

import re
from typing import NamedTuple

from forget.doctor.asking import Answer, ask
from forget.inference.machine import gpu_names

__all__ = ["Cards", "cards"]

_FIELDS = "name,memory.total,driver_version,compute_cap"
_NO_CARD = "No devices were found"
_PATIENCE_S = 8.0
"""A driver that nobody has used for a while is loaded first."""


class Cards(NamedTuple):
    """The cards of this machine, hidden ones included.

    Attributes:
        names: The model of each.
        memory_gb: The memory of each [GB]; empty where the driver does not say.
        driver: The driver's version; empty where it does not say.
        cuda: The newest CUDA that the driver is for; None where it does not say.
        why_not: What is wrong with the driver.
    """

    names: tuple[str, ...]
    memory_gb: tuple[float, ...] = ()
    driver: str = ""
    cuda: tuple[int, int] | None = None
    why_not: str = ""

    def __str__(self) -> str:
        """Write it as ``2 (NVIDIA A100 of 85 GB), driver 550.54.15 for CUDA 12.4``."""
        kinds = ", ".join(dict.fromkeys(self.names))
        sizes = sorted({round(size) for size in self.memory_gb})
        size = f" of {' and '.join(f'{size}' for size in sizes)} GB" if sizes else ""
        driver = f", driver {self.driver}" if self.driver else ""
        cuda = " for CUDA {}.{}".format(*self.cuda) if self.cuda else ""
        return f"{len(self.names)} ({kinds}{size}){driver}{cuda}"


def cards() -> Cards:
    """Return what ``nvidia-smi`` tells, or the kernel module where that is not there."""
    known = tuple(gpu_names())
    told = ask(["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"],
               patience_s=_PATIENCE_S)  # fmt: skip
    rows = [line.split(", ") for line in told.said.splitlines()]
    rows = [row for row in rows if len(row) == _FIELDS.count(",") + 1]
    if told.status != 0 or not rows:
        silent = not known and (told.status is None or _NO_CARD in told.said)
        return Cards(known, why_not="" if silent else _fault(told))
    banner = ask(["nvidia-smi"], patience_s=_PATIENCE_S).said
    return Cards(
        tuple(name for name, *_ in rows),
        tuple(1.048576e-3 * float(row[1]) for row in rows if row[1].isdigit()),  # of MiB
        rows[0][2],
        _newest_cuda(banner),
    )


def _fault(told: Answer) -> str:
    """Say why it told nothing; what it prints of that goes to either stream."""
    return " ".join(told.said.split())[:200] or told.why_not


def _newest_cuda(banner: str) -> tuple[int, int] | None:
    found = re.search(r"CUDA (?:UMD )?Version\s*:\s*(\d+)\.(\d+)", banner)
    return (int(found[1]), int(found[2])) if found else None
