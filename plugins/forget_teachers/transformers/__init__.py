"""Teachers that transformers loads: on any machine, the student itself among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from forget.hooks import hookimpl
from forget.inference.teacher_settings import TransformersSettings
from forget.teacher import Teacher, TeacherKind, TeacherSetup

__all__ = ["TransformersKind", "TransformersSettings", "forget_teachers"]


class TransformersKind:
    """Runs a model in this process: by the built-in engine where it knows the family."""

    name = "transformers"
    title = "transformers"
    summary = "Kind of teachers: a model in this process, on any machine"
    local = True
    settings = TransformersSettings

    def check(self, settings: Any) -> None:
        """Find nothing: what it needs is always installed."""

    def open(self, setup: TeacherSetup) -> Teacher:
        """Make a teacher.

        Raises:
            RequestError: The registry's entry names no model.
        """
        from forget.inference.teacher_in_process import TransformersTeacher
        from forget.inference.teacher_prompts import model_folder

        return TransformersTeacher(setup, model_folder(setup))


@hookimpl
def forget_teachers() -> Iterable[TeacherKind]:
    """Yield the kind `transformers`."""
    yield TransformersKind()
