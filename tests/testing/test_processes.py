"""What another process makes of a plugin: skipped where it cannot go, failed where it dies."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool

import pytest

from forget.testing.processes import elsewhere


@pytest.mark.slow
def test_a_function_is_called_elsewhere() -> None:
    assert elsewhere(os.getpid) != os.getpid()


def test_what_cannot_be_taken_along_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="cannot be taken to another process"):
        elsewhere(print, lambda: None)


@pytest.mark.slow
def test_a_process_that_dies_is_no_skip() -> None:
    with pytest.raises(BrokenProcessPool):
        elsewhere(os._exit, 3)
