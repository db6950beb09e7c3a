"""A model in this process that writes for others to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.completion import Sampling
from forget.errors import UnsupportedModelError
from forget.inference.builtin import BuiltinEngine
from forget.inference.loading import load_tokenizer
from forget.inference.machine import Machine
from forget.inference.memory import split_to_fit
from forget.inference.support import unsupported
from forget.inference.teacher_prompts import Asked, SetTeacher, ask
from forget.inference.tokens import context_window
from forget.inference.weights import adapter_base
from forget.teacher import TeacherOutput, TeacherPrompt, TeacherSetup

__all__ = ["TransformersTeacher"]

_TOGETHER = 16
"""Completions of a batch of transformers' own generation if nobody says otherwise."""


class TransformersTeacher(SetTeacher):
    """Writes with the built-in engine, or with transformers' own generation.

    Args:
        setup: What it is.
        folder: Its model.
        as_evaluated: See `ask`.
    """

    def __init__(self, setup: TeacherSetup, folder: Path, *, as_evaluated: bool = False) -> None:
        super().__init__(setup)
        self._as_evaluated = as_evaluated
        self._settings = setup.settings
        self._folder = folder
        self._machine = Machine(device=setup.device, device_name="", dtype=setup.dtype)

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """See `Teacher.generate`; the outputs of a batch come together."""
        tokenizer = load_tokenizer(self._folder)
        window = context_window(self._folder, tokenizer)
        thinking = self._settings.thinking
        asked, refused = ask(
            tokenizer,
            prompts,
            sampling,
            window,
            thinking=thinking,
            as_evaluated=self._as_evaluated,
        )
        yield from refused
        if not asked:
            return
        engine = BuiltinEngine(self._machine)
        try:
            # The model is in a frame of its own, so that it is gone before memory is given back.
            yield from self._write(engine, asked)
        finally:
            engine.release()

    def _write(self, engine: BuiltinEngine, asked: Sequence[Asked]) -> Iterator[TeacherOutput]:
        if unsupported(Path(adapter_base(self._folder) or self._folder)) is not None:
            yield from self._write_by_transformers(asked)
            return
        work = engine.prepare([item.request for item in asked], self._folder)
        try:
            model = engine.load(self._folder)
        except UnsupportedModelError:
            yield from self._write_by_transformers(asked)
            return
        for whole in work.batches:
            size = self._settings.batch_size or len(whole.requests)
            for indices in _parts(whole.requests, size):
                answers = model.answer(work, attrs.evolve(whole, requests=indices))
                yield from _outputs([asked[index] for index in indices], answers)

    def _write_by_transformers(self, asked: Sequence[Asked]) -> Iterator[TeacherOutput]:
        from forget.inference.generation import complete
        from forget.inference.loading import load_model

        loaded = load_model(self._folder, self._machine)

        def answer(items: Sequence[Asked]) -> list[Mapping[str, Any]]:
            texts = [item.request.prompt for item in items]
            seeds = [item.request.sampling.seed for item in items]
            written = complete(loaded, texts, items[0].request.sampling, seeds)
            return [attrs.asdict(completion) for completion in written]

        # Longest first: prompts of a batch are padded to one length.
        ordered = sorted(asked, key=lambda item: -len(item.prompt.tokens))
        for part in _parts(ordered, self._settings.batch_size or _TOGETHER):
            yield from _outputs(part, split_to_fit(answer, part, lambda _: True))


def _parts(items: Sequence[Any], size: int) -> Iterator[Any]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _outputs(
    items: Sequence[Asked], answers: Sequence[Mapping[str, Any]]
) -> Iterator[TeacherOutput]:
    for item, answer in zip(items, answers, strict=True):
        yield item.output(answer)
