"""How a single test of a conformance class is called on something that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest


def call(test: Callable[..., None], given: Mapping[str, Callable[[], Any]]) -> None:
    """Call a test with those of the things given that it asks for."""
    wanted = test.__code__.co_varnames[1 : test.__code__.co_argcount]  # type: ignore[attr-defined]
    test(**{name: given[name]() for name in wanted})


def broken(sound: type, **changes: Any) -> Any:
    """Return an object of the class with other members."""
    return type("Broken", (sound,), changes)()


def finds(message: str) -> Any:
    """Expect a failure whose message says what is wrong."""
    return pytest.raises(AssertionError, match=message)
