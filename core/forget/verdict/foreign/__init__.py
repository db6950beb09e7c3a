"""Evaluations that lm-eval made elsewhere with `--log_samples`, read as items.

`files` finds what belongs together, `settings` says how it was made, `rows` reads one task, and
`benchmarks` puts tasks together as the benchmarks they are.
"""

from forget.verdict.foreign.benchmarks import foreign_side
from forget.verdict.foreign.files import is_foreign

__all__ = ["foreign_side", "is_foreign"]
