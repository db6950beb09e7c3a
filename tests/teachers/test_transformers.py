"""Teachers in this process: the built-in engine, or transformers' own generation."""

from __future__ import annotations

import gc
import shutil
import weakref
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Sampling
from forget.errors import RequestError
from forget.inference import builtin
from forget.inference import teacher_in_process as implementation
from forget.inference.builtin import BuiltinEngine
from forget.inference.loading import load_tokenizer
from forget.settings import identity
from forget.teacher import Teacher, TeacherKind, TeacherPrompt
from forget_teachers.transformers import TransformersKind, TransformersSettings, forget_teachers
from teachers.kinds import WORKED, by_prompt, prompt, setup, texts

KIND = TransformersKind()
SAMPLING = Sampling(max_new_tokens=12, temperature=1.0, top_p=0.95)
QUESTIONS = [prompt(f"What is {n} plus {n % 3}?" + " is" * (n % 4), seed=n) for n in range(7)]


def teacher(folder: Path | None, **settings: Any) -> Teacher:
    return KIND.open(setup(TransformersSettings(**settings), folder))


def base(folder: Path, target: Path) -> Path:
    """Copy a model without its chat template."""
    shutil.copytree(folder, target)
    for file in target.glob("*.jinja"):
        file.unlink()
    tokenizer = load_tokenizer(target)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(target)
    return target


@pytest.fixture
def by_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the built-in engine know no family."""
    monkeypatch.setattr(implementation, "unsupported", lambda _: "it is of another kind")

    def load(*_: Any) -> None:
        pytest.fail("the built-in engine was asked all the same")

    monkeypatch.setattr(BuiltinEngine, "load", load)


def test_it_is_a_kind() -> None:
    [found] = forget_teachers()
    assert isinstance(found, TeacherKind)
    assert found.local
    KIND.check(TransformersSettings())
    assert identity(TransformersSettings(batch_size=3)) == identity(TransformersSettings())


def test_the_teacher_is_named_by_its_entry(tiny_model: Path) -> None:
    found = teacher(tiny_model)
    assert isinstance(found, Teacher)
    assert (found.name, found.title, found.family) == ("mine", "Mine", "llama3")


def test_without_a_model() -> None:
    with pytest.raises(RequestError, match=r"'mine' has no model .*\[teachers\.mine\]"):
        teacher(None)


def test_a_completion_for_each_prompt(lively_model: Path) -> None:
    found = by_prompt(teacher(lively_model).generate(QUESTIONS, SAMPLING))
    assert sorted(found) == list(range(len(QUESTIONS)))
    assert len({str(output.completion) for output in found.values()}) == len(QUESTIONS)
    again = by_prompt(teacher(lively_model).generate(QUESTIONS, SAMPLING))
    assert again == found


def test_seeds_are_the_prompts_own(lively_model: Path) -> None:
    same = [prompt("What is 1 plus 2?", seed=seed) for seed in (3, 4, 3)]
    first, other, again = texts(teacher(lively_model).generate(same, SAMPLING))
    assert first == again != other
    changed = attrs.evolve(SAMPLING, seed=99)
    assert texts(teacher(lively_model).generate(same[:1], changed)) == [first]


def test_batches_do_not_change_what_is_written(lively_model: Path) -> None:
    whole = texts(teacher(lively_model).generate(QUESTIONS, SAMPLING))
    assert texts(teacher(lively_model, batch_size=2).generate(QUESTIONS, SAMPLING)) == whole


@pytest.mark.usefixtures("by_transformers")
def test_of_a_family_that_the_built_in_engine_does_not_know(lively_model: Path) -> None:
    whole = texts(teacher(lively_model).generate(QUESTIONS, SAMPLING))
    assert texts(teacher(lively_model, batch_size=2).generate(QUESTIONS, SAMPLING)) == whole
    reordered = texts(teacher(lively_model).generate(QUESTIONS[::-1], SAMPLING))
    assert reordered == whole[::-1]


def test_both_ways_write_the_same(lively_model: Path, request: pytest.FixtureRequest) -> None:
    ours = texts(teacher(lively_model).generate(QUESTIONS, SAMPLING))
    request.getfixturevalue("by_transformers")
    assert texts(teacher(lively_model).generate(QUESTIONS, SAMPLING)) == ours


def test_a_family_that_turns_out_to_be_unsupported(
    lively_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forget.errors import UnsupportedModelError

    expected = texts(teacher(lively_model).generate(QUESTIONS, SAMPLING))

    def refuse(*_: Any) -> None:
        raise UnsupportedModelError("off by 3")

    monkeypatch.setattr(BuiltinEngine, "load", refuse)
    assert texts(teacher(lively_model).generate(QUESTIONS, SAMPLING)) == expected


@pytest.mark.parametrize("way", ["built in", "by transformers"])
def test_outputs_arrive_batch_by_batch(
    lively_model: Path, way: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "by transformers":
        request.getfixturevalue("by_transformers")
    outputs = teacher(lively_model, batch_size=2).generate(QUESTIONS, SAMPLING)
    first = [next(outputs) for _ in range(2)]
    assert all(output.completion for output in first)
    # The next batch is only begun when it is asked for.
    monkeypatch.setattr(builtin.BuiltinModel, "answer", lambda *_: pytest.fail("begun"))
    monkeypatch.setattr("forget.inference.generation.complete", lambda *_: pytest.fail("begun"))
    outputs.close()  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["to its end", "closed early"])
def test_the_model_is_gone_afterwards(
    lively_model: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[weakref.ref[Any]] = []
    load = BuiltinEngine.load

    def watch(self: BuiltinEngine, folder: Path) -> Any:
        model = load(self, folder)
        models.append(weakref.ref(model.loaded.model))
        return model

    monkeypatch.setattr(BuiltinEngine, "load", watch)
    outputs = teacher(lively_model, batch_size=2).generate(QUESTIONS, SAMPLING)
    assert models == [], "nothing is loaded before the first output is asked for"
    next(outputs)
    assert models[0]() is not None
    if way == "closed early":
        outputs.close()  # type: ignore[attr-defined]
    else:
        list(outputs)
    gc.collect()
    assert models[0]() is None


def test_a_prompt_longer_than_the_window(lively_model: Path) -> None:
    asked = [QUESTIONS[0], prompt("plus " * 600), QUESTIONS[1]]
    found = by_prompt(teacher(lively_model).generate(asked, SAMPLING))
    assert found[1].completion is None
    assert "do not fit the model's context window of 512 tokens" in found[1].problem
    assert found[0].completion is not None
    assert found[2].completion is not None
    (alone,) = teacher(lively_model).generate(asked[1:2], SAMPLING)
    assert alone.completion is None


def test_messages_that_the_template_refuses(lively_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    shutil.copytree(lively_model, folder)
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        "{{ messages[0]['content'] }}"
    )
    tokenizer.save_pretrained(folder)
    asked = [TeacherPrompt(WORKED, 0), QUESTIONS[0]]
    found = by_prompt(teacher(folder).generate(asked, SAMPLING))
    assert "chat template refuses the messages: no system here" in found[0].problem
    assert found[1].completion is not None


# --- base models


def test_a_base_model_gets_worked_examples(lively_model: Path, tmp_path: Path) -> None:
    folder = base(lively_model, tmp_path / "base")
    seen: list[Any] = []
    prepare = BuiltinEngine.prepare

    class Watching(BuiltinEngine):
        def prepare(self, requests: Any, folder: Path) -> Any:
            seen.extend(requests)
            return prepare(self, requests, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(implementation, "BuiltinEngine", Watching)
        list(teacher(folder).generate([TeacherPrompt(WORKED, 5)], SAMPLING))
    [request] = seen
    assert request.prompt == (
        "Answer in one word.\n\n"
        "Question: What is the capital of Italy?\nAnswer: Rome\n\n"
        "Question: What is the capital of Spain?\nAnswer: Madrid\n\n"
        "Question: What is the capital of France?\nAnswer:"
    )
    assert request.sampling == attrs.evolve(SAMPLING, seed=5, stops=("\nQuestion:",))


@pytest.mark.slow
class TestSmolLM2:
    def test_as_a_chat_model(self, smollm2: Path) -> None:
        greedy = Sampling(max_new_tokens=24)
        (found,) = teacher(smollm2).generate([prompt("What is the capital of France?")], greedy)
        assert found.completion is not None
        assert "Paris" in found.completion.text
        assert found.completion.finished

    def test_as_a_base_model(self, smollm2: Path, tmp_path: Path) -> None:
        folder = base(smollm2, tmp_path / "base")
        greedy = Sampling(max_new_tokens=48)
        (found,) = teacher(folder).generate([TeacherPrompt(WORKED, 0)], greedy)
        assert found.completion is not None
        assert found.completion.text == "Paris"
        assert found.completion.finished
        # The answer, two line breaks, and "Question:": all that it wrote is counted.
        assert 4 <= found.completion.tokens <= 8
