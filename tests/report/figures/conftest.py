from __future__ import annotations

from collections.abc import Iterator

import pytest
from matplotlib import style

from forget.report.figures.style import STYLE


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    """Draw as `write_figures` does."""
    with style.context(["default", STYLE]):
        yield
