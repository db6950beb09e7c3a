"""The settings of teachers that run on this machine; nothing large is imported for them."""

from __future__ import annotations

from typing import Literal

import attrs

from forget.settings import setting
from forget.teacher import TeacherSettings

__all__ = ["TransformersSettings", "VllmSettings"]


@attrs.frozen(kw_only=True)
class TransformersSettings(TeacherSettings):
    """Settings of a teacher that transformers loads."""

    batch_size: int | None = setting(
        None,
        "most completions written together, and lost by a kill; none: what the memory should hold",
        minimum=1,
        technical=True,
    )


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
