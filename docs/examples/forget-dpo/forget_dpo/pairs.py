"""Pairs from a file of JSON lines: TRL's preference format, with texts or with messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forget.completion import Message
from forget.errors import DataError
from forget.training import Conversation


def read_pairs(file: str) -> list[Conversation]:
    """Read the pairs of a file; each has the number of its line as its name.

    Raises:
        DataError: There is no such file, it has no pair, or one of its lines is none.
    """
    try:
        # Not splitlines(): JSON's texts may have characters that it takes for ends of lines.
        lines = Path(file).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeError) as error:
        raise DataError(
            f"pairs={file}: the file cannot be read: {error}. Name a file of JSON lines with "
            "prompt, chosen and rejected, or leave pairs out: the base model is asked then."
        ) from error
    pairs = [
        _pair(line, f"line-{number:06}", f"pairs={file}: line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not pairs:
        raise DataError(f"pairs={file}: the file has no pair in it.")
    return pairs


def _pair(line: str, name: str, where: str) -> Conversation:
    try:
        row = json.loads(line)
        prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
        return Conversation(name, _messages(prompt), _answer(chosen), rejected=_answer(rejected))
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{where} is no pair ({type(error).__name__}: {error}). A pair is an object with "
            "prompt, a text or a list of messages, and with chosen and rejected, each a text or "
            "a list of one message."
        ) from error


def _messages(prompt: Any) -> list[Message]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    if not prompt:
        raise ValueError("the prompt is empty")
    return [{"role": turn["role"], "content": _text(turn["content"])} for turn in prompt]


def _answer(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    [turn] = answer
    return _text(turn["content"])


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError("the content of a message is no text")
    return content
