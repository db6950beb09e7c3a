"""lm-eval's own ``vllm`` backend behind our engines' interface, to be measured beside them."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forget.inference.engine import Batch, Request, Score, Work

__all__ = ["LmEvalVllm"]

_WINDOW = 2048
_KEYS_BYTES = 2 * 2**30


class LmEvalVllm:
    """Gives the backend all requests of a kind at once, which suits it best.

    Args:
        dtype: Number format.
    """

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._lm: Any = None

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        """See `Engine.prepare`; the backend tokenises by itself when it answers."""
        kinds: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            kind = "score" if isinstance(request, Score) else "generate"
            kinds.setdefault(kind, []).append(index)
        batches = [Batch(tuple(found), float(len(found)), kind) for kind, found in kinds.items()]
        return Work(requests=requests, batches=batches, ready=requests)

    def load(self, folder: Path) -> LmEvalVllm:
        """See `Engine.load`."""
        from forget.inference.vllm_process import ENVIRONMENT

        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import torch

        _know_the_cpu_build()
        from lm_eval.models.vllm_causallms import VLLM

        self._lm = VLLM(
            pretrained=str(folder),
            dtype=self._dtype,
            max_model_len=_WINDOW,
            kv_cache_memory_bytes=_KEYS_BYTES,
            enforce_eager=not torch.cuda.is_available(),
        )
        # Its bars are divided by the time they took, which is nothing where bars are off.
        generate = self._lm.model.generate
        self._lm.model.generate = lambda *given, **named: generate(
            *given, **{**named, "use_tqdm": False}
        )
        atexit.register(self.release)  # or the process would wait for vLLM's at its end
        return self

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        """See `RunningModel.answer`."""
        from lm_eval.api.instance import Instance

        requests: list[Any] = [work.requests[index] for index in batch.requests]
        if batch.kind == "score":
            asked = [(r.context, r.continuation) for r in requests]
            instances = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(asked)]
            return list(self._lm.loglikelihood(instances, disable_tqdm=True))
        asked = [(r.prompt, dict(r.options)) for r in requests]
        instances = [Instance("generate_until", {}, pair, n) for n, pair in enumerate(asked)]
        return list(self._lm.generate_until(instances, disable_tqdm=True))

    def release(self) -> None:
        """See `Engine.release`."""
        if self._lm is not None:
            self._lm.model.llm_engine.engine_core.shutdown()
        self._lm = None


def _know_the_cpu_build() -> None:
    """Let lm-eval find the version of vLLM's build for CPUs, a distribution of another name."""
    from importlib import metadata

    from vllm.platforms import current_platform

    assert current_platform.device_type  # settled now: it asks for that distribution too
    named = metadata.version

    def version(distribution: str) -> str:
        try:
            return named(distribution)
        except metadata.PackageNotFoundError:
            return named(f"{distribution}-cpu")

    metadata.version = version
