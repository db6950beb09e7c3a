"""What many runs of a study have in common, and reads files: looked up once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from forget.evaluation.exam import Exam
from forget.inference.models import ModelReference
from forget.restriction import Restriction, read_restriction
from forget.session import Session

__all__ = ["Lookups"]


class Lookups:
    """Answers each question once.

    Attributes:
        model: The model of a name, see `Session.model`.
        restriction: What a run directory restricts a dataset to, see `read_restriction`.
        benchmarks: The exams of a selection and a limit, see `Session.exams`.
        task: The exam of a dataset's name and a limit, see `Session.task_exam`.
    """

    model: Callable[[str], ModelReference]
    restriction: Callable[[Path, str], Restriction]
    benchmarks: Callable[[tuple[str, ...], int | None], list[Exam]]
    task: Callable[[str, int | None], Exam]

    def __init__(self, session: Session) -> None:
        def task(name: str, limit: int | None) -> Exam:
            dataset = session.plugins.get("datasets", name, session.catalogue).record
            return session.task_exam(dataset, limit)

        self.model = cache(session.model)
        self.restriction = cache(read_restriction)
        self.benchmarks = cache(session.exams)
        self.task = cache(task)
