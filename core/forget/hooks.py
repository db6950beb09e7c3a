"""The four hooks a plugin may implement: the front door of the contract.

A plugin is a module (or object) named by an entry point of the group ``forget``. Each hook yields
records; nothing registers by side effect. Keep the module light: import torch and its friends
inside the functions that use them.

The contract has a version of its own, `API_VERSION`. A plugin says as a literal which one it was
written for, in its module or in a package above it::

    FORGET_API_VERSION = "1.0"
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from forget.benchmark import Benchmark
from forget.dataset import Dataset
from forget.method import Method
from forget.teacher import Teacher, TeacherKind

__all__ = [
    "API_VERSION",
    "API_VERSION_ATTRIBUTE",
    "ENTRY_POINT_GROUP",
    "HOOKS",
    "forget_benchmarks",
    "forget_datasets",
    "forget_methods",
    "forget_teachers",
    "hookimpl",
]

ENTRY_POINT_GROUP = "forget"
"""The group of entry points that plugins are found by."""

API_VERSION = "1.0"
"""The version of the contract, ``major.minor``, which is not forget's own.

Minor: something was added, and plugins for an earlier minor go on working. Major: something that
plugins use is gone or means something else.
"""

API_VERSION_ATTRIBUTE = "FORGET_API_VERSION"
"""What a plugin calls the version that it was written for."""

HOOKS = ("forget_methods", "forget_datasets", "forget_teachers", "forget_benchmarks")
"""The names of all hooks."""

hookspec = pluggy.HookspecMarker("forget")
hookimpl = pluggy.HookimplMarker("forget")
"""Marks a plugin's function as the implementation of the hook of the same name."""


@hookspec
def forget_methods() -> Iterable[Method]:
    """Yield the methods this plugin brings.

    A working plugin, whose training is the shared supervised loop:

    .. code-block:: python

        from forget.hooks import hookimpl
        from forget.method import Needs, TrainingSettings


        class ShortAnswers:
            name = "short-answers"
            title = "Short answers"
            summary = "SFT on the bare answers, without the worked solution"
            paper = ""
            settings = TrainingSettings
            needs = Needs()

            def prepare(self, task):
                from forget.training import Conversation, write_examples

                examples = task.dataset.load("train", task.data)
                write_examples(
                    task,
                    (Conversation(e.id, task.dataset.prompt(e), e.answer) for e in examples),
                )

            def train(self, task):
                from forget.training import train_supervised

                train_supervised(task)


        @hookimpl
        def forget_methods():
            yield ShortAnswers()
    """
    raise NotImplementedError


@hookspec
def forget_datasets() -> Iterable[Dataset]:
    """Yield the datasets this plugin brings.

    A working plugin:

    .. code-block:: python

        from forget.dataset import Example, Verdict
        from forget.hooks import hookimpl


        class Doubling:
            name = "doubling"
            title = "Doubling"
            summary = "Twice a number"
            max_new_tokens = 8

            def load(self, split, data):
                numbers = range(100) if split == "train" else range(100, 150)
                return [
                    Example(id=n, question=f"2 * {n} =", solution=doubled, answer=doubled)
                    for n, doubled in ((str(n), str(2 * n)) for n in numbers)
                ]

            def prompt(self, example):
                return [{"role": "user", "content": example.question}]

            def verify(self, example, completion):
                said = completion.text.strip()
                return Verdict(
                    correct=said == example.answer,
                    extracted=said or None,
                    reason="compared as text",
                    truncated=not completion.finished,
                )


        @hookimpl
        def forget_datasets():
            yield Doubling()
    """
    raise NotImplementedError


@hookspec
def forget_teachers() -> Iterable[Teacher | TeacherKind]:
    """Yield the teachers this plugin brings, and the kinds of teachers.

    A kind (`forget.teacher.TeacherKind`) is a way of running models: an entry of the registry makes
    a teacher of it. A working plugin that brings one teacher:

    .. code-block:: python

        from forget.completion import Completion
        from forget.hooks import hookimpl
        from forget.teacher import TeacherOutput


        class Parrot:
            name = "parrot"
            title = "Parrot"
            summary = "Repeats the last message"
            family = "parrot"

            def generate(self, prompts, sampling):
                for index, prompt in enumerate(prompts):
                    words = prompt.messages[-1]["content"].split()
                    said, cut = words[: sampling.max_new_tokens], words[sampling.max_new_tokens :]
                    text = " ".join(said)
                    completion = Completion(text=text, finished=not cut, tokens=len(said))
                    yield TeacherOutput(index, completion)


        @hookimpl
        def forget_teachers():
            yield Parrot()
    """
    raise NotImplementedError


@hookspec
def forget_benchmarks() -> Iterable[Benchmark]:
    """Yield the benchmarks this plugin brings.

    Where several items are about one passage, ``Benchmark.cluster`` names the field of a document
    that they share, so that the error of a difference allows for it.

    A working plugin, which adds a task that lm-eval ships:

    .. code-block:: python

        from forget.benchmark import Benchmark, TaskFile
        from forget.hooks import hookimpl


        @hookimpl
        def forget_benchmarks():
            yield Benchmark(
                name="copa",
                title="COPA",
                summary="Choice of plausible alternatives",
                tasks=(TaskFile(name="copa", path="super_glue/copa/default.yaml"),),
                metric="acc",
                chance=0.5,
                items=100,
            )
    """
    raise NotImplementedError
