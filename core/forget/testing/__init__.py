"""What plugins are tested with: the conformance of each kind, and small things to try them on.

    from forget.testing import MethodConformance

    class TestMine(MethodConformance):
        method = Mine()

Needs pytest; nothing else in the package imports it.
"""

from __future__ import annotations

import pytest

# Before they are imported, so that an assertion that fails shows its values.
for module in ("benchmarks", "claims", "datasets", "methods", "plugins", "teachers"):
    pytest.register_assert_rewrite(f"forget.testing.{module}")

from forget.testing.benchmarks import BenchmarkConformance  # noqa: E402
from forget.testing.datasets import DatasetConformance  # noqa: E402
from forget.testing.instant import instant_benchmark  # noqa: E402
from forget.testing.methods import MethodConformance  # noqa: E402
from forget.testing.plugins import PluginConformance  # noqa: E402
from forget.testing.sums import Graded, NoData, Rows, SolutionTeacher  # noqa: E402
from forget.testing.teachers import TeacherConformance, TeacherKindConformance  # noqa: E402
from forget.testing.tiny import make_model, make_tokenizer  # noqa: E402
from forget.testing.workbench import Training, Workbench  # noqa: E402

__all__ = [
    "BenchmarkConformance",
    "DatasetConformance",
    "Graded",
    "MethodConformance",
    "NoData",
    "PluginConformance",
    "Rows",
    "SolutionTeacher",
    "TeacherConformance",
    "TeacherKindConformance",
    "Training",
    "Workbench",
    "instant_benchmark",
    "make_model",
    "make_tokenizer",
]
