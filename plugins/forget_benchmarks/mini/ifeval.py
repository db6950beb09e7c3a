"""mini_ifeval: short writing tasks with instructions that code can check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from forget_benchmarks.mini.build import ITEMS, Doc, as_test_split, seeded

TOPICS = (
    "a dog", "the sea", "a birthday party", "your favorite book", "a rainy day", "the moon",
    "a small village", "a long train ride", "an old tree", "a good friend", "a cup of tea",
    "the first day of school", "a busy kitchen", "a winter morning", "a football match",
    "a walk in the forest", "a new job", "a garden", "the city at night", "a summer holiday",
)  # fmt: skip


def has_word(response: str, word: str) -> bool:
    """Return whether the response has the word, in capitals or not."""
    return word in _words(response)


def lacks_word(response: str, word: str) -> bool:
    """Return whether the response says something without the word."""
    return bool(_words(response)) and not has_word(response, word)


def begins_with(response: str, word: str) -> bool:
    """Return whether the word is the response's first."""
    return _words(response)[:1] == [word.lower()]


def lacks_character(response: str, character: str) -> bool:
    """Return whether the response says something without the character, in capitals or not."""
    return bool(_words(response)) and character not in response.lower()


def is_lowercase(response: str, _: str) -> bool:
    """Return whether the response has letters, and no capital ones."""
    return response.islower()


def is_uppercase(response: str, _: str) -> bool:
    """Return whether the response has letters, and capital ones only."""
    return response.isupper()


def has_words(response: str, count: str) -> bool:
    """Return whether the response has that many words or more."""
    return len(_words(response)) >= int(count)


def has_numbered_lines(response: str, count: str) -> bool:
    """Return whether the response has that many lines or more that start with a number."""
    # More than asked for are let pass: the response is cut after a few tokens anyway.
    return len(re.findall(r"^\s*\d+[.)]\s+\S", response, re.MULTILINE)) >= int(count)


def _words(response: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", response.lower())


class Instruction(NamedTuple):
    """A prompt with its instruction, the code that checks a response, and what fills in both."""

    prompt: str
    check: Callable[[str, str], bool]
    arguments: tuple[str, ...] = ("",)


SENTENCE = "Write one sentence about {topic}. "

INSTRUCTIONS: Mapping[str, Instruction] = {
    "has_word": Instruction(
        SENTENCE + "Use the word {argument} in it.",
        has_word,
        ("happy", "red", "water", "slowly", "new"),
    ),
    "lacks_word": Instruction(
        SENTENCE + "Do not use the word {argument}.", lacks_word, ("and", "is", "very", "to")
    ),
    "begins_with": Instruction(
        SENTENCE + "Begin it with the word {argument}.",
        begins_with,
        ("Yesterday", "Once", "Today", "My"),
    ),
    "lacks_commas": Instruction(SENTENCE + "Do not use any commas.", lacks_character, (",",)),
    "lacks_letter": Instruction(
        SENTENCE + "Do not use the letter {argument}.", lacks_character, ("z", "q", "x", "j")
    ),
    "is_lowercase": Instruction(SENTENCE + "Write only in lowercase letters.", is_lowercase),
    "is_uppercase": Instruction(SENTENCE + "Write only in capital letters.", is_uppercase),
    "has_words": Instruction(
        SENTENCE + "Write at least {argument} words.", has_words, ("8", "10", "12")
    ),
    "has_numbered_lines": Instruction(
        "Write about {topic}. Answer with a numbered list of {argument} short sentences.",
        has_numbered_lines,
        ("2",),
    ),
    "has_number": Instruction(
        SENTENCE + "Use the number {argument}.", has_word, ("2", "3", "7", "10")
    ),
}
"""The kinds of instruction by name; an item's check is looked up here."""


def items() -> list[Doc]:
    """Return the 100 items: ten for each kind of instruction, no topic twice for one kind."""
    rng = seeded("mini_ifeval")
    docs = []
    for kind, instruction in INSTRUCTIONS.items():
        for number, topic in enumerate(rng.sample(TOPICS, ITEMS // len(INSTRUCTIONS))):
            argument = instruction.arguments[number % len(instruction.arguments)]
            prompt = instruction.prompt.format(topic=topic, argument=argument)
            docs.append({"prompt": prompt, "kind": kind, "argument": argument})
    return rng.sample(docs, len(docs))


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())


def process_results(doc: Doc, results: list[str]) -> dict[str, bool]:
    """Return whether the response, as it is, follows the item's instruction."""
    check = INSTRUCTIONS[doc["kind"]].check
    return {"prompt_level_strict_acc": check(results[0], doc["argument"])}
