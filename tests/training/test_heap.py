"""Freed memory: kept inside of the block, back with the system after it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from forget.training.heap import kept_heap

WORKER = """
import resource
from pathlib import Path
import torch
from forget.training.heap import kept_heap

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(16 * 2**20)  # 64 MiB: more than is ever kept of itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

faults()
outside = faults()
begun = resident()
with kept_heap():
    for _ in range(6):  # aligned blocks leave gaps at first
        faults()
    inside = faults()
    torch.ones(64 * 2**20)
    held = resident() - begun
print(outside, inside, held, resident() - begun)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc"
)
def test_pages_are_cleared_once_and_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, check=True, timeout=120
    )
    outside, inside, held, after = map(int, done.stdout.split())
    assert inside < 0.1 * outside
    assert held > 200 * 2**20
    assert after < 0.2 * held


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), kept_heap():
        _ = 1 / 0
