"""Teachers that vLLM runs on this machine, on one GPU or several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import attrs

from forget.errors import RequestError
from forget.hooks import hookimpl
from forget.settings import setting
from forget.teacher import Teacher, TeacherKind, TeacherSettings, TeacherSetup

__all__ = ["VllmKind", "VllmSettings", "forget_teachers"]


@attrs.frozen(kw_only=True)
class VllmSettings(TeacherSettings):
    """Settings of a teacher that vLLM runs."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "auto", "number format; auto: that of everything else on this machine"
    )
    tensor_parallel_size: int = setting(1, "GPUs that share the model", minimum=1, technical=True)
    gpu_memory_utilization: float = setting(
        0.9, "share of each GPU's memory that it takes", minimum=0.05, maximum=1, technical=True
    )
    max_model_len: int | None = setting(
        None,
        "longest prompt with its completion [tokens]; none: what the prompts need",
        minimum=2,
        technical=True,
    )
    kv_cache_gb: float | None = setting(
        None,
        "memory for keys and values [GB]; none: what is left of a GPU's share, 2 on a CPU",
        minimum=0.01,
        technical=True,
    )
    enforce_eager: bool = setting(
        False, "start faster and write slower, without CUDA graphs", technical=True
    )


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
        from forget.inference.vllm_process import DEVICES
        from forget.inference.weights import adapter_base
        from forget_teachers.vllm.teacher import VllmTeacher

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
