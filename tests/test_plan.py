"""A study of many runs is settled at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forget.plan import RunRequest, plan
from forget.session import Session, open_session
from forget.store import manifest

REGISTRY = """
[studies.many]
extends = "demo"
methods = ["gt-sft", "grpo", "spin", "pi"]
seeds = [0, 1, 2, 3, 4]
"""


@pytest.mark.slow
def test_what_runs_have_in_common_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Benchmarks, held-out problems and models are files to read, and there are twenty runs."""
    asked: list[str] = []

    def counted(owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def count(*given: Any, **named: Any) -> Any:
            asked.append(name)
            return plain(*given, **named)

        monkeypatch.setattr(owner, name, count)

    registry = tmp_path / "registry.toml"
    registry.write_text(REGISTRY)
    session = open_session(out=tmp_path / "out", registries=[registry])
    counted(Session, "exams")
    counted(Session, "task_exam")
    counted(manifest, "file_digest")
    manifest._digest_of.cache_clear()
    runs = plan(RunRequest(study="many"), session).runs
    assert len(runs) == 20
    assert len({run.folder.path for run in runs}) == 20
    assert len({id(run.exams[0]) for run in runs}) == 1
    assert asked.count("exams") == asked.count("task_exam") == 1
    assert asked.count("file_digest") <= 1  # none where the package of the weights is not installed
