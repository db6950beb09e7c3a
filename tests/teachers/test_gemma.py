"""A real base model of another family, with another tokenizer, as a teacher on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.completion import Sampling
from forget.inference.chat import beginning, has_template
from forget.inference.loading import load_tokenizer
from forget.inference.support import unsupported
from forget.teacher import Teacher, TeacherPrompt
from forget_datasets.arithmetic import Arithmetic
from forget_teachers.transformers import TransformersKind, TransformersSettings
from teachers.kinds import WORKED, setup

# The first use converts the weights, a minute's work of a processor that has nothing else to do.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def teacher(folder: Path) -> Teacher:
    return TransformersKind().open(setup(TransformersSettings(), folder))


def test_its_tokenizer_is_gemmas(gemma: Path) -> None:
    """By the numbers of Google's own: whole words, and the token that every text begins with."""
    tokenizer = load_tokenizer(gemma)
    assert tokenizer("The capital of France is")["input_ids"] == [2, 818, 5279, 529, 7001, 563]
    text = " two  spaces\n\nand\ttab 12+30=42 é 東京 🙂"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert tokenizer("a\n\nb  c")["input_ids"] == [2, 236746, 108, 236763, 138, 236755]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<eos>", "<pad>")
    assert beginning(tokenizer) == "<bos>"
    assert not has_template(tokenizer)
    assert unsupported(gemma) is None


def test_it_answers_worked_examples(gemma: Path) -> None:
    greedy = Sampling(max_new_tokens=24)
    (found,) = teacher(gemma).generate([TeacherPrompt(WORKED, 0)], greedy)
    assert found.completion is not None
    assert (found.completion.text, found.completion.finished) == ("Paris", True)


@pytest.mark.long
def test_it_writes_solutions_of_the_demos_form(gemma: Path) -> None:
    """Their form: of their numbers hardly one is right."""
    dataset = Arithmetic()
    examples = dataset.load("train", None)[:16]  # type: ignore[arg-type]
    prompts = [
        TeacherPrompt(dataset.prompt(example), seed) for seed, example in enumerate(examples)
    ]
    sampling = Sampling(max_new_tokens=64, temperature=0.7, top_p=0.9)
    outputs = {output.prompt: output for output in teacher(gemma).generate(prompts, sampling)}
    completions = [outputs[n].completion for n in range(len(prompts))]
    written = [completion for completion in completions if completion is not None]
    assert len(written) == len(prompts)
    assert sum(completion.finished and "####" in completion.text for completion in written) >= 12
