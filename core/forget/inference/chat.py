"""Chat messages as the text that a model reads before it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forget.completion import Message

__all__ = ["render_prompt"]


def render_prompt(tokenizer: Any, messages: Sequence[Message], *, thinking: bool = False) -> str:
    """Render messages up to the place where the completion starts.

    Thinking templates (Qwen3) are asked for an answer without thinking unless `thinking` is true:
    they then put an empty thinking block into the prompt, where training masks it. A model without
    a chat template gets the bare contents, one a line.
    """
    if getattr(tokenizer, "chat_template", None) is None:
        return "".join(f"{message['content']}\n" for message in messages)
    text: str = tokenizer.apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=thinking
    )
    return text
