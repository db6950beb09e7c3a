"""Teachers that vLLM runs on this machine, on one GPU or several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from forget.errors import RequestError
from forget.hooks import hookimpl
from forget.inference.teacher_settings import VllmSettings
from forget.teacher import Teacher, TeacherKind, TeacherSetup

__all__ = ["VllmKind", "VllmSettings", "forget_teachers"]


class VllmKind:
    """Runs a model by vLLM in processes of its own."""

    name = "vllm"
    title = "vLLM"
    summary = "Kind of teachers: a model that vLLM runs on this machine's GPUs"
    local = True
    settings = VllmSettings

    def check(self, settings: Any) -> None:
        """Find out whether vLLM is installed.

        Raises:
            RequestError: It is not; says what to install.
        """
        from forget.inference.vllm_process import require_vllm

        require_vllm("A teacher of the kind vllm")

    def open(self, setup: TeacherSetup) -> Teacher:
        """Make a teacher.

        Raises:
            RequestError: The registry's entry names no model, or one that is an adapter, or vLLM
                does not know the device.
        """
        from forget.inference.teacher_prompts import model_folder
        from forget.inference.teacher_vllm import VllmTeacher
        from forget.inference.vllm_process import DEVICES
        from forget.inference.weights import adapter_base

        folder = model_folder(setup)
        instead = f'Write kind = "transformers" into [teachers.{setup.name}].'
        if adapter_base(folder) is not None:
            raise RequestError(
                f"The teacher {setup.name!r} of the kind vllm cannot run the adapter in {folder}. "
                f"{instead}"
            )
        if setup.device not in DEVICES:
            raise RequestError(
                f"The teacher {setup.name!r} of the kind vllm does not run on {setup.device}. "
                f"Use --device cpu. Or: {instead}"
            )
        return VllmTeacher(setup, folder)


@hookimpl
def forget_teachers() -> Iterable[TeacherKind]:
    """Yield the kind `vllm`."""
    yield VllmKind()
