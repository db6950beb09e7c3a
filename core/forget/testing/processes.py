"""What another process makes of the same plugin: hashes of texts are others there."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import pytest

__all__ = ["elsewhere"]

T = TypeVar("T")


def elsewhere(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a process of its own, with another seed of Python's hashes.

    The test is skipped where the arguments cannot go there: objects of classes that no other
    process can import. A process that ends otherwise fails the test.
    """
    try:
        carried = pickle.dumps(arguments)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        pytest.skip(f"it cannot be taken to another process: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", "4711")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            try:
                pool.submit(_arrive, carried).result()
            except (ImportError, AttributeError) as error:
                pytest.skip(f"it cannot be imported in another process: {error}")
            return pool.submit(_call, function, carried).result()


def _arrive(carried: bytes) -> None:
    """Import what the arguments need."""
    pickle.loads(carried)  # noqa: S301 - our own, of a moment ago


def _call(function: Callable[..., T], carried: bytes) -> T:
    return function(*pickle.loads(carried))  # noqa: S301
