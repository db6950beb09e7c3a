"""Chat messages as the text that a model reads before it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forget.completion import Message

__all__ = ["WORKED_STOPS", "beginning", "has_template", "render_prompt", "render_worked"]

_QUESTION, _ANSWER = "Question:", "Answer:"

WORKED_STOPS = (f"\n{_QUESTION}",)
"""What a base model writes after its answer to a prompt of worked examples: the next question."""


def render_prompt(tokenizer: Any, messages: Sequence[Message], *, thinking: bool = False) -> str:
    """Render messages up to the place where the completion starts.

    Thinking templates (Qwen3) are asked for an answer without thinking unless `thinking` is set:
    they then put an empty thinking block into the prompt, where training masks it. A model without
    a chat template gets the bare contents, one a line.
    """
    if not has_template(tokenizer):
        return "".join(f"{message['content']}\n" for message in messages)
    text: str = tokenizer.apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=thinking
    )
    return text


def render_worked(messages: Sequence[Message]) -> str:
    """Render messages for a base model: earlier turns become worked examples.

    The system's text comes first; the text ends where the answer to the last question starts. A
    base model writes a question of its own after that, so `WORKED_STOPS` belong to the prompt.
    """
    forms = {
        "system": "{}\n\n",
        "user": f"{_QUESTION} {{}}\n",
        "assistant": f"{_ANSWER} {{}}\n\n",
    }
    text = "".join(forms[message["role"]].format(message["content"]) for message in messages)
    return f"{text}{_ANSWER}"


def has_template(tokenizer: Any) -> bool:
    """Tell a chat model from a base model by its tokenizer."""
    return getattr(tokenizer, "chat_template", None) is not None


def beginning(tokenizer: Any) -> str:
    """Return the beginning-of-text token if the tokenizer puts one before a text, else nothing.

    A chat template writes it itself; other prompts need it, and some models (Gemma) write nonsense
    without.
    """
    first = tokenizer("a")["input_ids"][0]
    return str(tokenizer.bos_token) if first == tokenizer.bos_token_id else ""
