"""vLLM's processes started, asked and ended: what the engine and teachers share."""

from __future__ import annotations

import atexit
import hashlib
import os
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from forget.errors import RequestError
from forget.inference.guardian import Guardian
from forget.inference.writing import Prompt, as_answer

if TYPE_CHECKING:
    from vllm import SamplingParams

__all__ = [
    "DEVICES",
    "ENVIRONMENT",
    "VllmProcess",
    "device_options",
    "read_answer",
    "request",
    "require_vllm",
]

DEVICES = ("cpu", "cuda")
"""What vLLM runs on."""

ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",  # nothing is reported to anybody
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # torch's threads do not survive a fork
    "VLLM_LOGGING_LEVEL": "WARNING",
}


def require_vllm(what: str) -> None:
    """Refuse to go on without vLLM.

    Args:
        what: What needs it, for the message.

    Raises:
        RequestError: Says what to install.
    """
    if find_spec("vllm") is None:
        raise RequestError(
            f"{what} needs vLLM, which is not installed. With an NVIDIA GPU: pip install "
            "'forget-llm[vllm]'. Without one docs/explanation/engine.md says how."
        )


def device_options(device: str, window: int) -> dict[str, Any]:
    """Return what vLLM must be told on a device.

    On a CPU it cannot cut a prompt into chunks: it would take back the random number drawn after
    all but the last, which torch's generator of a CPU does not do ("does not use offset"), and its
    processes would end in the middle of the work.

    Args:
        device: One of `DEVICES`.
        window: Longest prompt with its completion [tokens].
    """
    if device != "cpu":
        return {}
    return {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(window, _PREFILLED),
    }


_PREFILLED = 4096
"""Tokens of prompts that are read together on a CPU, if a single one is not longer."""

_GRACE_S = 20.0
"""How long its processes may take to end before they are killed: workers alone take five."""


class VllmProcess:
    """A vLLM that is ended for certain: by `close`, or with this process.

    Attributes:
        llm: vLLM's ``LLM``; None while none runs.
    """

    def __init__(self) -> None:
        self.llm: Any = None
        self._family: list[Any] = []
        self._guardian: Guardian | None = None

    def start(self, **options: Any) -> Any:
        """Start vLLM and return its ``LLM``.

        Args:
            options: Of vLLM's ``LLM``.
        """
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from vllm import LLM

        self._guardian = Guardian()
        atexit.register(self.close)  # before Python waits for its child processes, which do not end
        # No settings of generation but those that a request has.
        with self._guardian.of_what_starts() as started:
            self.llm = LLM(generation_config="vllm", seed=0, **options)
        self._family = [member for pid in started for member in _with_descendants(pid)]
        return self.llm

    def close(self) -> None:
        """End its processes and give their memory back."""
        if self.llm is not None:
            self.llm.llm_engine.engine_core.shutdown(timeout=_GRACE_S)
        _see_off(self._family)
        if self._guardian is not None:
            self._guardian.close()
        self.llm, self._family, self._guardian = None, [], None
        atexit.unregister(self.close)


def _with_descendants(pid: int | None) -> list[Any]:
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _see_off(family: list[Any]) -> None:
    """Wait until processes have ended, and kill those that do not: a GPU is theirs until then."""
    deadline = time.monotonic() + _GRACE_S
    while any(map(_runs, family)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in filter(_runs, family):
        process.kill()


def _runs(process: Any) -> bool:
    import psutil

    try:
        # One that has ended stays a zombie until its parent asks for it; it holds nothing.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def request(prompt: Prompt, ends: set[int]) -> SamplingParams:
    """Return vLLM's parameters for a text.

    Args:
        prompt: What is asked for.
        ends: Tokens that end it.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    writing, sampling = prompt.writing, prompt.writing.sampling
    # A request's own seed: its text does not depend on what is written beside it.
    digest = hashlib.sha256(f"{sampling.seed}/{writing.prompt}".encode()).digest()
    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        seed=int.from_bytes(digest[:4], "big"),
        max_tokens=sampling.max_new_tokens,
        stop=list(writing.stops),
        stop_token_ids=sorted(ends),
        skip_special_tokens=False,  # a stop text may be one, as for the built-in engine
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def read_answer(output: Any, tokenizer: Any, prompt: Prompt, ends: set[int]) -> Any:
    """Make an answer of what vLLM gives back for a text; see `as_answer`."""
    (written,) = output.outputs
    tokens = list(written.token_ids)
    if tokens and tokens[-1] in ends:
        tokens.pop()
    finished = written.finish_reason == "stop"
    return as_answer(tokenizer, prompt.writing, tokens, finished=finished)
