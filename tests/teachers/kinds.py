"""What tests of several kinds of teachers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from forget.completion import Message
from forget.teacher import TeacherOutput, TeacherPrompt, TeacherSetup


def prompt(question: str, seed: int = 0) -> TeacherPrompt:
    return TeacherPrompt([{"role": "user", "content": question}], seed)


def setup(settings: Any, model: Path | None = None, **changes: Any) -> TeacherSetup:
    return TeacherSetup(
        name="mine",
        title="Mine",
        summary="A teacher of tests",
        family="llama3",
        model=model,
        settings=settings,
        **changes,
    )


def by_prompt(outputs: Iterable[TeacherOutput]) -> dict[int, TeacherOutput]:
    """Index outputs by their prompt; each has one."""
    listed = list(outputs)
    found = {output.prompt: output for output in listed}
    assert len(found) == len(listed)
    return found


def texts(outputs: Iterable[TeacherOutput]) -> list[str]:
    """Return the texts in the order of the prompts; none failed."""
    found = by_prompt(outputs)
    completions = [found[index].completion for index in sorted(found)]
    assert all(completion is not None for completion in completions)
    return [completion.text for completion in completions if completion is not None]


@contextmanager
def running_vllm(model: Path, keys_gb: float) -> Iterator[Any]:
    """Start one vLLM for several tests, as what a teacher starts: that takes most of their time."""
    from forget.inference.vllm_process import VllmProcess, device_options

    process = VllmProcess()
    running = process.start(
        model=str(model),
        dtype="float32",
        max_model_len=256,
        kv_cache_memory_bytes=int(keys_gb * 1e9),
        **device_options("cpu", 256),
    )
    yield SimpleNamespace(start=lambda **_: running, close=lambda: None)
    process.close()


WORKED: list[Message] = [
    {"role": "system", "content": "Answer in one word."},
    {"role": "user", "content": "What is the capital of Italy?"},
    {"role": "assistant", "content": "Rome"},
    {"role": "user", "content": "What is the capital of Spain?"},
    {"role": "assistant", "content": "Madrid"},
    {"role": "user", "content": "What is the capital of France?"},
]
"""Two worked examples and a question."""
