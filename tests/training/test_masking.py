from __future__ import annotations

import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Message
from forget.errors import ModelError
from forget.training.masking import Encoded, encode

ASK: list[Message] = [{"role": "user", "content": "What is 1 + 2?"}]


def halves(tokenizer: Any, encoded: Encoded) -> tuple[str, str]:
    """Decode what is outside the loss and what is in it."""
    pairs = list(zip(encoded.input_ids, encoded.completion_mask, strict=True))
    outside = tokenizer.decode([token for token, use in pairs if not use])
    inside = tokenizer.decode([token for token, use in pairs if use])
    assert encoded.completion_mask == sorted(encoded.completion_mask)
    return outside, inside


def with_template(tokenizer: Any, template: str | None) -> Any:
    changed = copy.deepcopy(tokenizer)
    changed.chat_template = template
    return changed


def qwen3() -> str:
    spec = find_spec("trl")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "chat_templates" / "qwen3.jinja").read_text()


def test_chat_prompt_is_masked_and_the_turn_ends_in_the_loss(tokenizer: Any) -> None:
    outside, inside = halves(tokenizer, encode(tokenizer, ASK, "1 + 2 = 3"))
    assert outside == "<|im_start|>user\nWhat is 1 + 2?<|im_end|>\n<|im_start|>assistant\n"
    assert inside == "1 + 2 = 3<|im_end|>"


def test_qwen3_empty_thinking_block_is_masked(tokenizer: Any) -> None:
    thinking = with_template(tokenizer, qwen3())
    outside, inside = halves(thinking, encode(thinking, ASK, "3"))
    assert outside.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert inside == "3<|im_end|>"


def test_qwen3_thoughts_that_are_kept_are_in_the_loss(tokenizer: Any) -> None:
    thinking = with_template(tokenizer, qwen3())
    text = "<think>\nOne and two.\n</think>\n\n3"
    outside, inside = halves(thinking, encode(thinking, ASK, text))
    assert outside.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert inside == f"{text}<|im_end|>"


def test_qwen3_thoughts_in_another_form_are_refused(tokenizer: Any) -> None:
    thinking = with_template(tokenizer, qwen3())
    with pytest.raises(ModelError, match="completion right after its prompt"):
        encode(thinking, ASK, "<think>One and two.</think>3")


def test_without_template_the_prompt_is_plain(tokenizer: Any) -> None:
    plain = with_template(tokenizer, None)
    outside, inside = halves(plain, encode(plain, ASK, "3"))
    assert (outside, inside) == ("What is 1 + 2?\n", "3<|im_end|>")


def test_template_that_rewrites_the_completion_is_refused(tokenizer: Any) -> None:
    shouting = with_template(
        tokenizer, tokenizer.chat_template.replace("message['content']", "message['content']|upper")
    )
    with pytest.raises(ModelError, match="but the template writes"):
        encode(shouting, ASK, "three")


def test_template_without_end_token_gets_eos(tokenizer: Any) -> None:
    endless = with_template(
        tokenizer,
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
    )
    outside, inside = halves(endless, encode(endless, ASK, " 3 "))
    assert (outside, inside) == ("user: What is 1 + 2?\nassistant: ", "3<|im_end|>")


def test_no_eos_is_refused(tokenizer: Any) -> None:
    plain = with_template(tokenizer, None)
    plain.eos_token = None
    with pytest.raises(ModelError, match="learn to stop"):
        encode(plain, ASK, "3")


def test_token_across_the_border_leaves_the_prompt_as_it_is_asked(tokenizer: Any) -> None:
    joining = with_template(
        tokenizer,
        "{% for m in messages %}{{ m['content'] + ' ' }}{% endfor %}",
    )
    encoded = encode(joining, [{"role": "user", "content": "What"}], "is")
    asked = joining("What ", add_special_tokens=False)["input_ids"]
    assert encoded.input_ids[: len(asked)] == asked
    assert halves(joining, encoded) == ("What ", "is<|im_end|>")


@pytest.mark.slow
def test_several_turns_with_the_real_tokenizer(smollm2: Path) -> None:
    from transformers import AutoTokenizer

    real = AutoTokenizer.from_pretrained(smollm2)
    turns: list[Message] = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    outside, inside = halves(real, encode(real, turns, "It is 4."))
    assert inside == "It is 4.<|im_end|>"
    assert "<|im_start|>assistant\n2<|im_end|>" in outside
