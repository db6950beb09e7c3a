from __future__ import annotations

import copy
from typing import Any

import pytest

from forget.completion import Message
from forget.inference.chat import (
    WORKED_STOPS,
    beginning,
    has_template,
    render_prompt,
    render_worked,
)
from tiny_models import make_tokenizer

TURNS: list[Message] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2 + 2?"},
]

THINKING = (
    "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


def with_template(tokenizer: Any, template: str | None) -> Any:
    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    return other


def test_messages_up_to_where_the_completion_starts(tokenizer: Any) -> None:
    assert render_prompt(tokenizer, TURNS) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n1 + 1?<|im_end|>\n"
        "<|im_start|>assistant\n2<|im_end|>\n"
        "<|im_start|>user\n2 + 2?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_an_answer_without_thinking_is_asked_for(tokenizer: Any) -> None:
    thinking = with_template(tokenizer, THINKING)
    assert render_prompt(thinking, TURNS[1:2]) == "[user]1 + 1?[assistant]<think>\n\n</think>\n\n"


def test_thinking_is_asked_for(tokenizer: Any) -> None:
    thinking = with_template(tokenizer, THINKING)
    assert render_prompt(thinking, TURNS[1:2], thinking=True) == "[user]1 + 1?[assistant]"


def test_without_a_template_the_contents_stand_one_a_line(tokenizer: Any) -> None:
    assert render_prompt(with_template(tokenizer, None), TURNS) == "Be brief.\n1 + 1?\n2\n2 + 2?\n"


def test_messages_are_left_as_they_are(tokenizer: Any) -> None:
    turns = copy.deepcopy(TURNS)
    render_prompt(tokenizer, tuple(turns))
    assert turns == TURNS


# --- base models


def test_worked_examples() -> None:
    assert render_worked(TURNS) == (
        "Be brief.\n\nQuestion: 1 + 1?\nAnswer: 2\n\nQuestion: 2 + 2?\nAnswer:"
    )
    assert render_worked(TURNS[3:]) == "Question: 2 + 2?\nAnswer:"
    assert all(stop in render_worked(TURNS) for stop in WORKED_STOPS)


def test_contents_are_taken_as_they_stand() -> None:
    turns: list[Message] = [{"role": "user", "content": "{0} {} {x}\n%s"}]
    assert render_worked(turns) == "Question: {0} {} {x}\n%s\nAnswer:"


def test_chat_models_are_told_from_base_models(tokenizer: Any) -> None:
    assert has_template(tokenizer)
    assert not has_template(with_template(tokenizer, None))


def test_texts_begin_as_the_tokenizer_begins_them(tokenizer: Any) -> None:
    from inference.families import begin_texts_with

    other = copy.deepcopy(tokenizer)
    assert beginning(other) == ""
    other.bos_token = "<|im_start|>"
    assert beginning(other) == "", "it has one, and does not put it there"
    begin_texts_with(other, "<|endoftext|>")
    assert beginning(other) == "<|endoftext|>"
