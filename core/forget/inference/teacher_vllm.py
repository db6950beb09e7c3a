"""A model that vLLM runs, asked for one completion after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forget.completion import Sampling
from forget.errors import WorkError
from forget.inference.generation import stop_ids_of
from forget.inference.loading import load_tokenizer
from forget.inference.teacher_prompts import Asked, SetTeacher, ask
from forget.inference.tokens import context_window
from forget.inference.vllm_process import VllmProcess, device_options, read_answer, request
from forget.teacher import TeacherOutput, TeacherPrompt, TeacherSetup

__all__ = ["VllmTeacher"]

_WAITING = 2048
"""Prompts that vLLM has at once: more than it takes in together, so that it never waits for us."""

_CPU_KEYS_GB = 2.0


class VllmTeacher(SetTeacher):
    """Starts vLLM when the first completion is asked for, and ends it after the last.

    Args:
        setup: What it is.
        folder: Its model, of which no copy is held here but the tokenizer.
        as_evaluated: See `ask`.
    """

    def __init__(self, setup: TeacherSetup, folder: Path, *, as_evaluated: bool = False) -> None:
        super().__init__(setup)
        self._as_evaluated = as_evaluated
        self._setup = setup
        self._folder = folder

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """See `Teacher.generate`."""
        settings = self._setup.settings
        tokenizer = load_tokenizer(self._folder)
        window = context_window(self._folder, tokenizer)
        window = min(window, settings.max_model_len or window)
        asked, refused = ask(
            tokenizer,
            prompts,
            sampling,
            window,
            thinking=settings.thinking,
            as_evaluated=self._as_evaluated,
        )
        yield from refused
        if not asked:
            return
        longest = settings.max_model_len or max(item.prompt.longest for item in asked)
        process = VllmProcess()
        try:
            with _refusals(self._folder):
                engine = process.start(**self._options(min(longest, window))).llm_engine
            yield from self._write(engine, tokenizer, asked)
        finally:
            process.close()

    def _write(
        self, engine: Any, tokenizer: Any, asked: Sequence[Asked]
    ) -> Iterator[TeacherOutput]:
        """Have vLLM's engine take its steps; yield what each of them finished."""
        ends = stop_ids_of(self._folder, tokenizer)
        waiting = iter(asked)
        under_way: dict[str, Asked] = {}
        while True:
            with _refusals(self._folder):
                refused = _fill(engine, waiting, under_way, ends)
                finished = engine.step() if under_way else []
            yield from refused
            for output in finished:
                item = under_way.pop(output.request_id)
                reason = output.outputs[0].finish_reason
                if reason in ("stop", "length"):
                    yield item.output(read_answer(output, tokenizer, item.prompt, ends))
                else:
                    yield TeacherOutput(item.index, None, f"vLLM ended it: {reason}")
            if not under_way and not refused:
                return

    def _options(self, window: int) -> Mapping[str, Any]:
        setup, settings = self._setup, self._setup.settings
        on_cpu = setup.device == "cpu"
        keys_gb = settings.kv_cache_gb or (_CPU_KEYS_GB if on_cpu else None)
        return {
            "model": str(self._folder),
            "dtype": setup.dtype if settings.dtype == "auto" else settings.dtype,
            "max_model_len": window,
            "tensor_parallel_size": settings.tensor_parallel_size,
            "gpu_memory_utilization": settings.gpu_memory_utilization,
            "kv_cache_memory_bytes": None if keys_gb is None else int(keys_gb * 1e9),
            "enforce_eager": settings.enforce_eager,
            **device_options(setup.device, window),
        }


def _fill(
    engine: Any, waiting: Iterator[Asked], under_way: dict[str, Asked], ends: set[int]
) -> list[TeacherOutput]:
    """Give vLLM prompts up to as many as it may have; return those that it does not take."""
    from vllm.inputs import tokens_input

    refused = []
    while len(under_way) < _WAITING:
        item = next(waiting, None)
        if item is None:
            break
        try:
            engine.add_request(
                str(item.index),
                tokens_input(list(item.prompt.tokens)),
                request(item.prompt, ends),
            )
        except Exception as error:
            if not _of_the_request(error):
                raise
            problem = f"vLLM refuses it: {_short(error)}"
            refused.append(TeacherOutput(item.index, None, problem, final=True))
        else:
            under_way[str(item.index)] = item
    return refused


def _of_the_request(error: Exception) -> bool:
    """Tell what vLLM says of one request, while others go on; by name, as versions differ."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint({"ValueError", "VLLMClientError"})


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """Turn whatever vLLM's processes pass on into one error of ours."""
    try:
        yield
    except Exception as error:
        raise WorkError(
            f"vLLM does not run the teacher in {folder}: {type(error).__name__}: {_short(error)} "
            "The log above has more. With less memory than it asks for, set "
            "gpu_memory_utilization, max_model_len or tensor_parallel_size of the teacher; then "
            "run the same command again."
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
