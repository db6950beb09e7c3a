"""The conformance of teachers finds each fault of one that is sound in every other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Completion, Sampling
from forget.errors import RequestError
from forget.settings import setting
from forget.teacher import (
    Teacher,
    TeacherOutput,
    TeacherPrompt,
    TeacherSettings,
    TeacherSetup,
)
from forget.testing import TeacherConformance, TeacherKindConformance
from forget.testing.teachers import QUESTIONS, opened
from testing.trying import broken, call, finds

TESTS = sorted(name for name in dir(TeacherConformance) if name.startswith("test_"))
NUMBERS = count()


class Echo:
    """Writes its seed, if it samples, and the question."""

    name = "echo"
    title = "Echo"
    summary = "repeats"
    family = "any"

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        for index, prompt in enumerate(prompts):
            yield TeacherOutput(index, self.written(prompt, sampling))

    def written(self, prompt: TeacherPrompt, sampling: Sampling) -> Any:
        seed = self.seed(prompt, sampling) if sampling.temperature > 0 else 0
        words = f"{seed} {prompt.messages[-1]['content']}".split()
        said = words[: sampling.max_new_tokens]
        return Completion(text=" ".join(said), finished=said == words, tokens=len(said))

    def seed(self, prompt: TeacherPrompt, sampling: Sampling) -> int:
        return prompt.seed


def kit(**capabilities: Any) -> TeacherConformance:
    made: TeacherConformance = broken(TeacherConformance, **capabilities)
    return made


def try_it(teacher: Teacher, name: str, kit: TeacherConformance | None = None) -> None:
    given: dict[str, Callable[[], Any]] = {
        "subject": lambda: teacher,
        "prompts": lambda: [
            TeacherPrompt([{"role": "user", "content": text}], seed)
            for seed, text in enumerate(QUESTIONS)
        ],
        "limit": lambda: 1,
    }
    call(getattr(kit or TeacherConformance(), name), given)


def yields(change: Callable[[list[TeacherOutput]], list[Any]]) -> dict[str, Any]:
    """Return a `generate` whose outputs are changed."""

    def generate(self: Any, prompts: Sequence[TeacherPrompt], sampling: Sampling) -> Iterator[Any]:
        yield from change(list(Echo.generate(self, prompts, sampling)))

    return {"generate": generate}


def writes(**changes: Any) -> dict[str, Any]:
    """Return completions with other fields."""
    return {
        "written": lambda self, prompt, sampling: attrs.evolve(
            Echo.written(self, prompt, sampling), **changes
        )
    }


def spoil(self: Any, prompts: Any, sampling: Sampling) -> Iterator[TeacherOutput]:
    for prompt in prompts:
        prompt.messages[-1]["content"] += "."
    return Echo.generate(self, prompts, sampling)


def by_place(self: Any, prompts: Any, sampling: Sampling) -> Iterator[TeacherOutput]:
    for index, prompt in enumerate(prompts):
        placed = prompt._replace(seed=prompt.seed * 10 + index)
        yield TeacherOutput(index, self.written(placed, sampling))


def once(self: Any, prompts: Any, sampling: Sampling) -> Iterator[TeacherOutput]:
    self.calls = getattr(self, "calls", 0) + 1
    return Echo.generate(self, prompts if self.calls == 1 else [], sampling)


def one_word(self: Any, prompts: Any, sampling: Sampling) -> Iterator[TeacherOutput]:
    for index, prompt in enumerate(prompts):
        assert len(prompt.messages) == 1, "a single message is taken"
        yield TeacherOutput(index, self.written(prompt, sampling))


SAYS = "test_it_says_what_it_is"
EACH = "test_each_prompt_has_one_output"
WORKED = "test_worked_examples_before_the_question_are_taken"
EMPTY = TeacherOutput(0, None)
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    (SAYS, {"name": ""}, "the name '' cannot be typed"),
    (SAYS, {"family": ""}, "the family '' is no name"),
    (EACH, {"generate": lambda self, prompts, s: []}, "generate returned list"),
    (EACH, yields(lambda outputs: outputs[:-1]), r"prompts \[3\] of 4 have no output"),
    (EACH, yields(lambda outputs: [*outputs, outputs[0]]), "prompt 0 has two outputs"),
    (EACH, yields(lambda outputs: [outputs[0]._replace(prompt=7)]), "names prompt 7"),
    (EACH, yields(lambda outputs: ["text"]), "yielded 'text', no TeacherOutput"),
    (EACH, yields(lambda outputs: [EMPTY]), "neither a completion nor a problem"),
    (
        "test_no_prompts_have_no_output",
        yields(lambda outputs: [EMPTY]),
        "without having been asked",
    ),
    (
        "test_no_completion_is_longer_than_it_may_be",
        writes(tokens=9),
        "9 tokens were written where max_new_tokens is 1",
    ),
    (
        WORKED,
        yields(lambda outputs: [EMPTY._replace(problem="no")]),
        "prompt 0 has no completion: no",
    ),
    (WORKED, {"generate": one_word}, "a single message is taken"),
    (WORKED, writes(text=None), "the text of prompt 0 is no text"),
    (WORKED, writes(finished=None), "prompt 0: finished is no bool"),
    (WORKED, writes(tokens=-1), "prompt 0 has -1 tokens"),
    ("test_prompts_are_left_alone", {"generate": spoil}, "changed the prompts"),
    ("test_it_goes_on_after_it_was_left", {"generate": once}, "have no output"),
    (
        "test_the_same_seeds_give_the_same",
        {"seed": lambda self, prompt, sampling: next(NUMBERS)},
        "the same seeds had other completions",
    ),
    ("test_an_output_belongs_to_its_prompt", {"generate": by_place}, "their order was another"),
    (
        "test_the_prompts_seed_counts",
        {"seed": lambda self, prompt, sampling: sampling.seed},
        r"another Sampling.seed gave other completions",
    ),
    (
        "test_other_seeds_give_other_completions",
        {"seed": lambda self, prompt, sampling: 0},
        "the prompt's seed is not used",
    ),
    (
        "test_greedy_decoding_needs_no_seed",
        {
            "written": lambda self, prompt, sampling: Echo.written(
                self, prompt, attrs.evolve(sampling, temperature=1.0)
            )
        },
        "at temperature 0 another seed",
    ),
]


@pytest.mark.parametrize("name", TESTS)
def test_a_sound_teacher_passes(name: str) -> None:
    try_it(Echo(), name)


@pytest.mark.parametrize(("name", "changes", "message"), FAULTS)
def test_a_fault_is_found(name: str, changes: dict[str, Any], message: str) -> None:
    with finds(message):
        try_it(broken(Echo, **changes), name)


def test_every_test_of_the_kit_has_its_fault() -> None:
    assert {name for name, *_ in FAULTS} == set(TESTS)


def test_something_else_is_found() -> None:
    with finds("Half lacks members of Teacher"):
        try_it(type("Half", (), {"name": "half", "title": "Half", "summary": "Half"})(), SAYS)


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ("repeats", "test_the_same_seeds_give_the_same"),
        ("repeats", "test_an_output_belongs_to_its_prompt"),
        ("repeats", "test_the_prompts_seed_counts"),
        ("repeats", "test_greedy_decoding_needs_no_seed"),
        ("samples", "test_other_seeds_give_other_completions"),
    ],
)
def test_what_it_does_not_promise_is_skipped(capability: str, name: str) -> None:
    teacher = broken(Echo, seed=lambda *_: next(NUMBERS))
    with pytest.raises(pytest.skip.Exception, match=f"`{capability}` is False"):
        try_it(teacher, name, kit(**{capability: False}))


def test_one_that_knows_few_answers_is_asked_nothing_else() -> None:
    with pytest.raises(pytest.skip.Exception, match="its own questions alone"):
        try_it(Echo(), WORKED, kit(questions=("What is 1 + 1?",)))


# --- kinds


@attrs.frozen(kw_only=True)
class Unexplained(TeacherSettings):
    secret: int = setting(1, "")


@attrs.define(kw_only=True)
class Open:
    thinking: bool = setting(False, "think")


class EchoKind:
    name = "echo"
    title = "Echo"
    summary = "Kind of teachers: each repeats"
    local = True
    settings: Any = TeacherSettings

    def check(self, settings: Any) -> None: ...

    def open(self, setup: TeacherSetup) -> Teacher:
        assert (setup.model is not None) is self.local
        named = {key: getattr(setup, key) for key in ("name", "title", "summary", "family")}
        teacher: Teacher = broken(Echo, **named)
        return teacher


class Refusing(EchoKind):
    def check(self, settings: Any) -> None:
        raise RequestError("The library echo is not installed.")


def of_kind(kind: Any) -> Any:
    return broken(TeacherKindConformance, kind=kind)


class TestEchoKind(TeacherKindConformance):
    kind = EchoKind()


class TestEchoKindWithoutModels(TeacherKindConformance):
    kind = broken(EchoKind, local=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"local": None}, "local is None, no bool"), ({"open": None, "title": ""}, "title is empty")],
)
def test_a_kind_that_does_not_say_what_it_is(changes: dict[str, Any], message: str) -> None:
    with finds(message):
        of_kind(broken(EchoKind, **changes)).test_the_kind_says_what_it_is()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Unexplained, "the setting 'secret' has no help"),
        (Open, "Open is no subclass of TeacherSettings"),
    ],
)
def test_settings_that_do_not_explain_themselves(settings: type, message: str) -> None:
    with finds(message):
        of_kind(broken(EchoKind, settings=settings)).test_its_settings_explain_themselves()


def test_settings_that_can_be_changed() -> None:
    from forget.testing.claims import check_settings

    with finds("Open is not frozen"):
        check_settings(Open, object)


def test_a_teacher_with_a_name_of_its_own_is_found() -> None:
    with finds("its teacher's name is 'echo'; the entry of the registry says 'conforming'"):
        of_kind(EchoKind()).test_a_teacher_is_named_by_its_entry(Echo())


def test_where_the_kind_refuses_its_teacher_is_skipped_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="The library echo is not installed"):
        opened(Refusing(), TeacherSettings(), tmp_path)
