"""The contract of teachers as tests: subclass `TeacherConformance` and name the teacher."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from forget.completion import Completion, Message, Sampling
from forget.errors import RequestError
from forget.settings import build
from forget.teacher import (
    Teacher,
    TeacherKind,
    TeacherOutput,
    TeacherPrompt,
    TeacherSettings,
    TeacherSetup,
)
from forget.testing.claims import check_names, check_settings, heeds_deprecations
from forget.testing.tiny import make_model

__all__ = ["TeacherConformance", "TeacherKindConformance"]

DRAWN = Sampling(max_new_tokens=12, temperature=1.0)
GREEDY = Sampling(max_new_tokens=12)
SEEDS = 6
"""How many samples of one question may not all be equal."""

CHAT: Sequence[Message] = (
    {"role": "system", "content": "Answer in one word."},
    {"role": "user", "content": "What is the capital of Italy?"},
    {"role": "assistant", "content": "Rome"},
    {"role": "user", "content": "What is the capital of France?"},
)
QUESTIONS = ("What is 1 plus 2?", "Name a colour.", "Wie heißt Du? \U0001f600", "2\n+\n2")


@heeds_deprecations
class TeacherConformance:
    """What every teacher must do.

    Attributes:
        teacher: The teacher; a subclass names it.
        repeats: It writes the same for the same prompts and seeds. What is behind a server may not.
        samples: Above temperature 0 another seed gives another completion. One that knows a single
            answer does not.
        questions: What it is asked; override it for a teacher that knows the answers to few.
    """

    teacher: ClassVar[Teacher]
    repeats: ClassVar[bool] = True
    samples: ClassVar[bool] = True
    questions: ClassVar[Sequence[str]] = QUESTIONS

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Teacher:
        """The teacher; override it to have several, or one that needs something."""
        return cls.teacher

    @pytest.fixture
    def prompts(self) -> Sequence[TeacherPrompt]:
        """A question each, with seeds of their own."""
        return [_prompt(text, seed) for seed, text in enumerate(self.questions)]

    # --- what it says of itself

    def test_it_says_what_it_is(self, subject: Teacher) -> None:
        check_names(subject)
        assert isinstance(subject, Teacher), f"{type(subject).__name__} lacks members of Teacher"
        assert subject.family.strip() == subject.family != "", (
            f"the family {subject.family!r} is no name; it decides whose teacher it may be"
        )

    # --- what it yields

    def test_each_prompt_has_one_output(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        outputs = subject.generate(prompts, DRAWN)
        assert isinstance(outputs, Iterator), (
            f"generate returned {type(outputs).__name__}; what is finished must be yielded at once"
        )
        _by_prompt(outputs, len(prompts))

    def test_no_prompts_have_no_output(self, subject: Teacher) -> None:
        assert list(subject.generate([], DRAWN)) == [], "it wrote without having been asked"

    @pytest.mark.parametrize("limit", [1, 12])
    def test_no_completion_is_longer_than_it_may_be(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt], limit: int
    ) -> None:
        sampling = attrs.evolve(DRAWN, max_new_tokens=limit)
        for completion in _completions(subject, prompts, sampling):
            assert completion.tokens <= limit, (
                f"{completion.tokens} tokens were written where max_new_tokens is {limit}"
            )

    def test_worked_examples_before_the_question_are_taken(self, subject: Teacher) -> None:
        if self.questions is not QUESTIONS:
            pytest.skip("it knows the answers to its own questions alone")
        _completions(subject, [TeacherPrompt(CHAT, seed=0)], DRAWN)

    def test_prompts_are_left_alone(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        before = copy.deepcopy(prompts)
        _completions(subject, prompts, DRAWN)
        assert prompts == before, "generate changed the prompts that it was given"

    def test_it_goes_on_after_it_was_left(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        """Whoever wants no more closes the generator; the next call begins anew."""
        outputs = subject.generate(prompts, DRAWN)
        next(outputs)
        close = getattr(outputs, "close", None)
        if close is not None:
            close()
        _completions(subject, prompts, DRAWN)

    # --- what decides a completion

    def test_the_same_seeds_give_the_same(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        self._only_if_it_repeats()
        first, again = (_completions(subject, prompts, DRAWN) for _ in range(2))
        assert first == again, "the same prompts with the same seeds had other completions"

    def test_an_output_belongs_to_its_prompt(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        """In whatever order they are given: a run that goes on asks for those that are missing."""
        self._only_if_it_repeats()
        forward = _completions(subject, prompts, DRAWN)
        backward = _completions(subject, prompts[::-1], DRAWN)[::-1]
        assert forward == backward, "prompts had other completions when their order was another"

    def test_the_prompts_seed_counts(
        self, subject: Teacher, prompts: Sequence[TeacherPrompt]
    ) -> None:
        """And `Sampling.seed` does not: several samples of one question have one `Sampling`."""
        self._only_if_it_repeats()
        here, there = (
            _completions(subject, prompts, attrs.evolve(DRAWN, seed=seed)) for seed in (0, 99)
        )
        assert here == there, (
            "another Sampling.seed gave other completions; the seed of each prompt stands over it"
        )

    def test_other_seeds_give_other_completions(self, subject: Teacher) -> None:
        if not self.samples:
            pytest.skip("it does not sample: `samples` is False")
        prompts = [_prompt(self.questions[0], seed) for seed in range(SEEDS)]
        texts = {completion.text for completion in _completions(subject, prompts, DRAWN)}
        assert len(texts) > 1, (
            f"{SEEDS} seeds of one question gave the same text at temperature {DRAWN.temperature}: "
            "the prompt's seed is not used. For a teacher that knows a single answer, set "
            "`samples = False`"
        )

    def test_greedy_decoding_needs_no_seed(self, subject: Teacher) -> None:
        self._only_if_it_repeats()
        prompts = [_prompt(self.questions[0], seed) for seed in (0, 1)]
        one, other = _completions(subject, prompts, GREEDY)
        assert one.text == other.text, "at temperature 0 another seed gave another text"

    def _only_if_it_repeats(self) -> None:
        if not self.repeats:
            pytest.skip("it does not promise to repeat itself: `repeats` is False")


@heeds_deprecations
class TeacherKindConformance(TeacherConformance):
    """What every kind of teachers must do, and the teachers that it opens.

    A kind that is `local` runs a model of a few thousand weights. Where the kind itself refuses
    (a package that is not installed), all that needs a teacher is skipped with its reason.

    Attributes:
        kind: The kind; a subclass names it.
        settings: What an entry of the registry would set.
    """

    kind: ClassVar[TeacherKind]
    settings: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
        """Its model; override it for a kind that does not run one so small."""
        return make_model(tmp_path_factory.mktemp("teacher")) if cls.kind.local else None

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, model: Path | None) -> Teacher:
        """A teacher of the kind."""
        settings = build(cls.kind.settings, cls.settings, where=f"settings of {cls.__name__}")
        return opened(cls.kind, settings, model)

    def test_the_kind_says_what_it_is(self) -> None:
        check_names(self.kind)
        assert isinstance(self.kind, TeacherKind), (
            f"{type(self.kind).__name__} lacks members of TeacherKind"
        )
        assert isinstance(self.kind.local, bool), f"local is {self.kind.local!r}, no bool"

    def test_its_settings_explain_themselves(self) -> None:
        check_settings(self.kind.settings, TeacherSettings)

    def test_a_teacher_is_named_by_its_entry(self, subject: Teacher) -> None:
        entry = _setup(None, None)
        for member in ("name", "title", "summary", "family"):
            assert getattr(subject, member) == getattr(entry, member), (
                f"its teacher's {member} is {getattr(subject, member)!r}; the entry of the "
                f"registry says {getattr(entry, member)!r}"
            )


def opened(kind: TeacherKind, settings: Any, model: Path | None) -> Teacher:
    """Open a teacher; skip where the kind refuses."""
    try:
        kind.check(settings)
    except RequestError as error:
        pytest.skip(str(error))
    return kind.open(_setup(settings, model))


def _setup(settings: Any, model: Any) -> TeacherSetup:
    return TeacherSetup(
        name="conforming",
        title="Conforming",
        summary="A teacher that is tried",
        family="llama3",
        model=model,
        settings=settings,
    )


def _prompt(text: str, seed: int) -> TeacherPrompt:
    return TeacherPrompt([{"role": "user", "content": text}], seed)


def _by_prompt(outputs: Iterator[TeacherOutput], count: int) -> dict[int, TeacherOutput]:
    """Return the outputs by prompt, each checked."""
    found: dict[int, TeacherOutput] = {}
    for output in outputs:
        assert isinstance(output, TeacherOutput), f"generate yielded {output!r}, no TeacherOutput"
        assert output.prompt in range(count), (
            f"an output names prompt {output.prompt!r}; there are 0 to {count - 1}"
        )
        assert output.prompt not in found, f"prompt {output.prompt} has two outputs"
        assert output.completion is not None or output.problem.strip(), (
            f"prompt {output.prompt} has neither a completion nor a problem"
        )
        found[output.prompt] = output
    missing = sorted(set(range(count)) - set(found))
    assert not missing, f"prompts {missing} of {count} have no output"
    return found


def _completions(
    subject: Teacher, prompts: Sequence[TeacherPrompt], sampling: Sampling
) -> list[Completion]:
    """Return the completions in the order of the prompts, each checked."""
    found = _by_prompt(subject.generate(prompts, sampling), len(prompts))
    completions = []
    for index in range(len(prompts)):
        completion, problem = found[index].completion, found[index].problem
        assert isinstance(completion, Completion), (
            f"prompt {index} has no completion: {problem or repr(completion)}"
        )
        assert isinstance(completion.text, str), f"the text of prompt {index} is no text"
        assert isinstance(completion.finished, bool), f"prompt {index}: finished is no bool"
        assert completion.tokens >= 0, f"prompt {index} has {completion.tokens} tokens"
        completions.append(completion)
    return completions
