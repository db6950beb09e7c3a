"""What a server sent back, read with suspicion: it becomes training data."""

from __future__ import annotations

import json
from typing import Any

from forget.completion import Completion

__all__ = ["BadReply", "read_reply"]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class BadReply(Exception):
    """A reply that holds no usable completion; the text says why.

    Attributes:
        of_the_prompt: Asked again, the server would say the same; otherwise it may have a fault
            that passes, which gateways report with status 200 too.
    """

    def __init__(self, reason: str, *, of_the_prompt: bool = False) -> None:
        super().__init__(reason)
        self.of_the_prompt = of_the_prompt


def read_reply(body: bytes, *, chat: bool) -> Completion:
    """Return the completion in a reply's body.

    Of more choices than were asked for, the first is taken. A server that does not say how many
    tokens it wrote leaves `Completion.tokens` at 0: only it has the tokenizer to count them.

    Raises:
        BadReply: There is none, or it is no text that could be kept.
    """
    reply = _read_json(body)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadReply(f"the reply has no choices{_error_of(reply)}")
    choice = choices[0]
    reason = choice.get("finish_reason")
    if reason not in ("stop", "length"):
        raise BadReply(
            f"the reply ended for another reason than its end or length: {reason!r:.40}",
            of_the_prompt=reason == "content_filter",
        )
    text = _text(choice, chat=chat)
    if text is None and reason == "length":
        text = ""  # all of it went into thinking, which some servers keep apart
    if not isinstance(text, str):
        raise BadReply("the reply has no text")
    return Completion(
        text=_clean(text, cut=reason == "length"),
        finished=reason == "stop",
        tokens=_tokens(reply) if len(choices) == 1 else 0,  # those of all choices together
    )


def _error_of(reply: dict[str, Any]) -> str:
    """Return what a gateway says of an error behind it, if it does."""
    error = reply.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return f": {message[:100]}" if isinstance(message, str) else ""


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadReply("the reply is not UTF-8") from None
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        raise BadReply(f"the reply is not JSON: {text[:60]!r}") from None
    if not isinstance(reply, dict):
        raise BadReply(f"the reply is not a JSON object: {text[:60]!r}")
    return reply


def _text(choice: dict[str, Any], *, chat: bool) -> Any:
    if not chat:
        return choice.get("text")
    message = choice.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _clean(text: str, *, cut: bool) -> str:
    if cut:
        text = text.rstrip(_REPLACEMENT)  # the length may fall within a character
    if _REPLACEMENT in text:
        raise BadReply(
            "the reply's text holds U+FFFD, which stands for bytes that are no text",
            of_the_prompt=True,
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadReply(
            "the reply's text holds half of a character (a lone surrogate)", of_the_prompt=True
        ) from None
    return text


def _tokens(reply: dict[str, Any]) -> int:
    usage = reply.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
