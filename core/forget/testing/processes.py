"""What another process makes of the same plugin: hashes of texts are others there."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import pytest

__all__ = ["elsewhere"]

T = TypeVar("T")


def elsewhere(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a process of its own, with another seed of Python's hashes.

    The test is skipped where the arguments cannot go there: objects of classes that no other
    process can import.
    """
    try:
        pickle.dumps(arguments)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        pytest.skip(f"it cannot be taken to another process: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", "4711")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            try:
                return pool.submit(function, *arguments).result()
            except BrokenProcessPool:
                pytest.skip("it cannot be imported in another process, whose messages are above")
