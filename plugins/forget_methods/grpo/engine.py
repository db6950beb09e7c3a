"""What writes completions during training: transformers, or vLLM beside it or on a server."""

from __future__ import annotations

import urllib.error
import urllib.request
from importlib.util import find_spec
from typing import Any

from forget.errors import RequestError
from forget.inference.machine import resolve_machine
from forget.inference.vllm_process import require_vllm
from forget_methods.grpo import GrpoSettings

__all__ = ["choose_engine", "engine_arguments"]

_PATIENCE_S = 10.0


def choose_engine(settings: GrpoSettings) -> str:
    """Return ``transformers``, ``vllm_colocate`` or ``vllm_server``.

    Raises:
        RequestError: vLLM is asked for and cannot be had.
    """
    cuda = resolve_machine("auto", settings.dtype).device == "cuda"
    asked = settings.rollout_engine
    if asked == "auto":
        return "vllm_colocate" if cuda and find_spec("vllm") is not None else "transformers"
    if asked == "transformers":
        return asked
    require_vllm(f"rollout_engine={asked}")
    if not cuda:
        raise RequestError(
            f"rollout_engine={asked} needs an NVIDIA GPU, which is not there: the weights go from "
            "training to vLLM by way of it. Leave the setting out."
        )
    if asked == "vllm_server":
        _reach(settings.vllm_server_url)
    return asked


def engine_arguments(
    engine: str, settings: GrpoSettings, longest: int, ends: set[int]
) -> dict[str, Any]:
    """Return what `trl.GRPOConfig` takes for an engine.

    Args:
        engine: What `choose_engine` returned.
        settings: The method's.
        longest: Greatest length of prompt and completion [tokens].
        ends: The tokens that end a completion.
    """
    if engine == "transformers":
        return {}
    return {
        "use_vllm": True,
        "vllm_mode": engine.removeprefix("vllm_"),
        "vllm_gpu_memory_utilization": settings.vllm_gpu_memory_utilization,
        "vllm_max_model_length": longest,
        "vllm_server_base_url": settings.vllm_server_url,
        # The only kinds of correction that this loss knows.
        **(
            {"vllm_importance_sampling_mode": "token_truncate"}
            if settings.loss_type == "vespo"
            else {}
        ),
        "generation_kwargs": {"stop_token_ids": sorted(ends)},
    }


def _reach(url: str) -> None:
    """Refuse a server that does not answer; the trainer would wait for it for minutes."""
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it is not the address of a server")
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_PATIENCE_S):  # noqa: S310
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise RequestError(
            f"rollout_engine=vllm_server: no vLLM server answers at vllm_server_url={url} "
            f"({reason}). Start one there (docs/methods/grpo.md has the line), or leave it out."
        ) from error
