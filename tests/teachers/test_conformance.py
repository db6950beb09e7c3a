"""Every installed kind of teachers against the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from forget.plugins import load_plugins
from forget.teacher import TeacherKind
from forget.testing import (
    Graded,
    NoData,
    SolutionTeacher,
    TeacherConformance,
    TeacherKindConformance,
)
from teachers.scripted_server import Asked, reply, serving

INSTALLED = {name: found.record for name, found in load_plugins().all("teachers").items()}


def answer(asked: Asked) -> None:
    """Answer as a model would that is what its seed and the question make of it."""
    seed = asked.body["seed"] if asked.body["temperature"] > 0 else 0
    words = f"{seed} {asked.question}".split()
    said = words[: asked.body.get("max_tokens") or asked.body["max_completion_tokens"]]
    finish = "stop" if said == words else "length"
    asked.send_json(reply(" ".join(said), finish, tokens=len(said)))


@pytest.mark.slow
class TestTransformers(TeacherKindConformance):
    kind: ClassVar[TeacherKind] = INSTALLED["transformers"]


class TestOpenai(TeacherKindConformance):
    kind: ClassVar[TeacherKind] = INSTALLED["openai"]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def server(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, serving() as script:
            patch.setenv("NO_PROXY", "127.0.0.1")
            script.answer = answer
            cls.settings = {"model": "big", "base_url": script.url, "api_key_env": ""}
            yield


class TestTheTeacherThatKnowsSolutions(TeacherConformance):
    teacher = SolutionTeacher(Graded())
    samples = False
    questions = tuple(example.question for example in Graded().load("train", NoData()))


def test_every_kind_is_tried() -> None:
    """Here, or as vLLM's in a module of its own."""
    tried = {TestTransformers.kind.name, TestOpenai.kind.name}
    assert tried | {"vllm"} == set(INSTALLED)
