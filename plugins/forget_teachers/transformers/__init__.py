"""Teachers that transformers loads: on any machine, the student itself among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from forget.hooks import hookimpl
from forget.settings import setting
from forget.teacher import Teacher, TeacherKind, TeacherSettings, TeacherSetup

__all__ = ["TransformersKind", "TransformersSettings", "forget_teachers"]


@attrs.frozen(kw_only=True)
class TransformersSettings(TeacherSettings):
    """Settings of a teacher that transformers loads."""

    batch_size: int | None = setting(
        None,
        "most completions written together, and lost by a kill; none: what the memory should hold",
        minimum=1,
        technical=True,
    )


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
        from forget.inference.teacher_prompts import model_folder
        from forget_teachers.transformers.teacher import TransformersTeacher

        return TransformersTeacher(setup, model_folder(setup))


@hookimpl
def forget_teachers() -> Iterable[TeacherKind]:
    """Yield the kind `transformers`."""
    yield TransformersKind()
