"""What plugins are tested with: the conformance of methods, and small things to try them on.

    from forget.testing import MethodConformance

    class TestMine(MethodConformance):
        method = Mine()

Needs pytest; nothing else in the package imports it.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("forget.testing.methods")

from forget.testing.methods import MethodConformance  # noqa: E402 - after the line above
from forget.testing.sums import Graded, NoData, SolutionTeacher  # noqa: E402
from forget.testing.tiny import make_model, make_tokenizer  # noqa: E402
from forget.testing.workbench import Training, Workbench  # noqa: E402

__all__ = [
    "Graded",
    "MethodConformance",
    "NoData",
    "SolutionTeacher",
    "Training",
    "Workbench",
    "make_model",
    "make_tokenizer",
]
