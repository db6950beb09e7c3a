"""lm-eval's own ``hf`` model as an engine: slow, and the measure of every other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.errors import WorkError
from forget.evaluation.harness import hf_model
from forget.inference.engine import Batch, Complete, Generate, Request, Score, Work
from forget.inference.generation import complete
from forget.inference.loading import ATTENTION, Loaded, load_model
from forget.inference.machine import Machine, package_version

__all__ = ["StockEngine"]

_DEFAULT_LENGTH = 256
"""lm-eval's longest generation where a task says nothing [tokens]."""

_BATCHES_KEPT = 4
"""Forward passes between two writes to the journal: what a kill may cost."""


@attrs.define
class StockEngine:
    """Runs models by lm-eval's ``hf`` model and transformers' generation.

    Attributes:
        machine: Device and number format.
        batch_size: Sequences in a forward pass.
    """

    machine: Machine
    batch_size: int = 16
    name: str = "stock"

    def fingerprint(self) -> Mapping[str, str]:
        """See `Engine.fingerprint`."""
        return {
            "engine": self.name,
            "device": self.machine.device,
            "device_name": self.machine.device_name,
            "dtype": self.machine.dtype,
            "attention": ATTENTION,
            "batch_size": str(self.batch_size),
            **{name: package_version(name) for name in ("lm-eval", "torch", "transformers")},
        }

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        """See `Engine.prepare`; lm-eval tokenises by itself when it answers."""
        return Work(requests=requests, batches=self._plan(requests), ready=requests)

    def _plan(self, requests: Sequence[Request]) -> list[Batch]:
        """Longest first, kinds apart, equal contexts together: lm-eval reuses their logits."""
        order = sorted(range(len(requests)), key=lambda i: _sort_key(requests[i], i))
        size = self.batch_size * _BATCHES_KEPT
        batches: list[list[int]] = []
        for index in order:
            if not batches or not _joins(requests, batches[-1], index, size):
                batches.append([])
            batches[-1].append(index)
        return [_batch(requests, batch) for batch in batches]

    def load(self, folder: Path) -> StockModel:
        """See `Engine.load`."""
        loaded = load_model(folder, self.machine)
        return StockModel(loaded, self.batch_size, folder)

    def reshaped(self) -> StockEngine:
        """See `Engine.reshaped`."""
        return attrs.evolve(self, batch_size=max(1, self.batch_size // 3))

    def release(self) -> None:
        """See `Engine.release`; a model is kept by who asked for it."""


@attrs.define
class StockModel:
    """A model in memory, behind lm-eval's wrapper."""

    loaded: Loaded
    batch_size: int
    folder: Path
    _lm: Any = None

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        """See `RunningModel.answer`."""
        requests = [work.requests[index] for index in batch.requests]
        first = requests[0]
        if isinstance(first, Complete):
            return self._complete([r for r in requests if isinstance(r, Complete)])
        if isinstance(first, Generate):
            return self._generate([r for r in requests if isinstance(r, Generate)])
        return self._score([r for r in requests if isinstance(r, Score)])

    def _score(self, requests: Sequence[Score]) -> list[Any]:
        pairs = [(r.context, r.continuation) for r in requests]
        answers = self._wrapper().loglikelihood(_instances(pairs), disable_tqdm=True)
        for request, (log_p, _) in zip(requests, answers, strict=True):
            if not math.isfinite(log_p):
                raise WorkError(
                    f"The model in {self.folder} gives {log_p} as the log-likelihood of "
                    f"{request.continuation!r}: its weights are damaged, or training diverged."
                )
        return [[float(log_p), bool(greedy)] for log_p, greedy in answers]

    def _generate(self, requests: Sequence[Generate]) -> list[Any]:
        pairs = [(r.prompt, dict(r.options)) for r in requests]
        return list(self._wrapper().generate_until(_instances(pairs), disable_tqdm=True))

    def _complete(self, requests: Sequence[Complete]) -> list[Any]:
        answers = []
        for start in range(0, len(requests), self.batch_size):
            part = requests[start : start + self.batch_size]
            answers += complete(self.loaded, [r.prompt for r in part], part[0].sampling)
        return [attrs.asdict(completion) for completion in answers]

    def _wrapper(self) -> Any:
        if self._lm is None:
            self._lm = hf_model(self.loaded.model, self.loaded.tokenizer, self.batch_size)
        return self._lm


@attrs.frozen
class _Instance:
    """The part of lm-eval's ``Instance`` that its models read."""

    args: tuple[Any, ...]


def _instances(arguments: Sequence[tuple[Any, ...]]) -> list[_Instance]:
    return [_Instance(args) for args in arguments]


def _batch(requests: Sequence[Request], indices: Sequence[int]) -> Batch:
    """Make a batch; its cost is the length of its texts, or of what may be written."""
    first = requests[indices[0]]
    if isinstance(first, Score):
        characters = sum(len(_text(requests[i])) for i in indices)
        return Batch(tuple(indices), characters / 4, "score")
    length = _DEFAULT_LENGTH
    if isinstance(first, Complete):
        length = first.sampling.max_new_tokens
    elif isinstance(first, Generate):
        length = first.options.get("max_gen_toks") or _DEFAULT_LENGTH
    return Batch(tuple(indices), float(length * len(indices)), "generate")


def _text(request: Request) -> str:
    return request.context if isinstance(request, Score) else request.prompt


def _sort_key(request: Request, index: int) -> tuple[str, int, str, int]:
    text = _text(request)
    return (_group(request), -len(text), text, index)


def _group(request: Request) -> str:
    """Name what may share a batch: one kind, and for texts one set of options."""
    if isinstance(request, Score):
        return "score"
    options = request.options if isinstance(request, Generate) else request.sampling
    return f"{type(request).__name__} {options}"


def _joins(requests: Sequence[Request], batch: Sequence[int], index: int, size: int) -> bool:
    last, new = requests[batch[-1]], requests[index]
    if _group(last) != _group(new):
        return False
    return len(batch) < size or (isinstance(new, Score) and _text(last) == _text(new))
