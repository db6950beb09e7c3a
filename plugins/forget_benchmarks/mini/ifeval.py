"""mini_ifeval: short writing with one of IFEval's instructions, which code can check.

Items have IFEval's own form (arXiv:2311.07911), so that ``lm_eval.tasks.ifeval`` can grade them
too. The checks here give the same verdicts, but need neither NLTK's data nor a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from forget_benchmarks.mini.build import ITEMS, Doc, as_test_split, seeded

TOPICS = (
    "a dog", "the sea", "a birthday party", "a favorite book", "a rainy day", "the moon",
    "a small village", "a long train ride", "an old tree", "a good friend", "a cup of tea",
    "the first day of school", "a busy kitchen", "a winter morning", "a football match",
    "a walk in the forest", "a new job", "a garden", "the city at night", "a summer holiday",
)  # fmt: skip

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def has_keywords(response: str, keywords: Sequence[str]) -> bool:
    """Return whether the response has each keyword, in capitals or not, in longer words too."""
    return all(_count(keyword, response) for keyword in keywords)


def has_frequency(response: str, keyword: str, frequency: int, relation: str) -> bool:
    """Return whether the keyword is there as often as it must be."""
    return _holds(_count(keyword, response), relation, frequency)


def lacks_words(response: str, forbidden_words: Sequence[str]) -> bool:
    """Return whether the response has none of the words, in capitals or not."""
    return not any(_count(rf"\b{word}\b", response) for word in forbidden_words)


def has_letters(response: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    """Return whether the letter, in capitals or not, is there as often as it must be."""
    return _holds(response.lower().count(letter), let_relation, let_frequency)


def lacks_commas(response: str) -> bool:
    """Return whether the response has no comma."""
    return "," not in response


def has_length(response: str, num_words: int, relation: str) -> bool:
    """Return whether the response has as many words as it must have."""
    return _holds(_count(r"\w+", response), relation, num_words)


def has_bullets(response: str, num_bullets: int) -> bool:
    """Return whether the response has exactly that many bullet points."""
    return _count(r"^\s*\*[^\*].*$", response) + _count(r"^\s*-.*$", response) == num_bullets


def has_highlights(response: str, num_highlights: int) -> bool:
    """Return whether the response has that many phrases or more between asterisks."""
    single = re.findall(r"\*[^\n\*]*\*", response)
    double = re.findall(r"\*\*[^\n\*]*\*\*", response)
    return sum(bool(phrase.strip("*").strip()) for phrase in single + double) >= num_highlights


def has_option(response: str) -> bool:
    """Return whether the response contains one of the answers to choose from."""
    return any(option in response for option in OPTIONS)


def _count(pattern: str, response: str) -> int:
    return len(re.findall(pattern, response, flags=re.IGNORECASE | re.MULTILINE))


def _holds(count: int, relation: str, limit: int) -> bool:
    return count >= limit if relation == "at least" else count < limit


class Instruction(NamedTuple):
    """One of IFEval's instructions: its id there, the prompt, the check, what fills in both."""

    id: str
    prompt: str
    check: Callable[..., bool]
    arguments: tuple[Mapping[str, Any], ...] = ({},)


STORY = "Write a short story about {topic}. "

INSTRUCTIONS = (
    Instruction(
        "keywords:existence",
        STORY + "Use the word {keywords[0]} in it.\n\nStory:",
        has_keywords,
        tuple({"keywords": [word]} for word in ("happy", "water", "home", "people", "light")),
    ),
    Instruction(
        "keywords:frequency",
        STORY + "Use the word {keyword} {relation} {frequency} times.\n\nStory:",
        has_frequency,
        tuple(
            {"keyword": word, "frequency": 2, "relation": "at least"}
            for word in ("day", "people", "time", "beautiful")
        ),
    ),
    Instruction(
        "keywords:forbidden_words",
        STORY + "Do not use the word {forbidden_words[0]}.\n\nStory:",
        lacks_words,
        tuple({"forbidden_words": [word]} for word in ("and", "is", "was", "of", "in")),
    ),
    Instruction(
        "keywords:letter_frequency",
        STORY + "Do not use the letter {letter}.\n\nStory:",
        has_letters,
        tuple(
            {"letter": letter, "let_frequency": 1, "let_relation": "less than"}
            for letter in ("v", "k", "j", "x", "b")
        ),
    ),
    Instruction("punctuation:no_comma", STORY + "Do not use any commas.\n\nStory:", lacks_commas),
    Instruction(
        "length_constraints:number_words",
        STORY + "Write {relation} {num_words} words.\n\nStory:",
        has_length,
        tuple({"num_words": count, "relation": "at least"} for count in (15, 20)),
    ),
    Instruction(
        "length_constraints:number_words",
        "Write one sentence about {topic}. Write {relation} {num_words} words.\n\nSentence:",
        has_length,
        tuple({"num_words": count, "relation": "less than"} for count in (20, 15)),
    ),
    Instruction(
        "detectable_format:number_bullet_lists",
        "Write exactly {num_bullets} bullet points about {topic}. Use markdown bullets such as: "
        "* This is a point.\n\nPoints:",
        has_bullets,
        ({"num_bullets": 2}, {"num_bullets": 3}),
    ),
    Instruction(
        "detectable_format:number_highlighted_sections",
        STORY + "Highlight at least {num_highlights} phrase in it with markdown, such as "
        "*highlighted phrase*.\n\nStory:",
        has_highlights,
        ({"num_highlights": 1},),
    ),
    Instruction(
        "detectable_format:constrained_response",
        "Would you like to read about {topic}? Choose one of these: "
        + " ".join(OPTIONS)
        + "\n\nAnswer:",
        has_option,
    ),
)

CHECKS: Mapping[str, Callable[..., bool]] = {each.id: each.check for each in INSTRUCTIONS}


def items() -> list[Doc]:
    """Return the 100 items: ten for each instruction, none of them twice about one topic."""
    rng = seeded("mini_ifeval")
    docs = list(_ordered(rng.sample(TOPICS, len(TOPICS))))
    return [{"key": key, **doc} for key, doc in enumerate(rng.sample(docs, len(docs)))]


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())


def process_results(doc: Doc, results: list[str]) -> dict[str, bool]:
    """Return whether the response, as it is, follows the item's instruction."""
    (instruction,), (arguments,) = doc["instruction_id_list"], doc["kwargs"]
    # A table of items has a column for each argument, empty where another instruction has it.
    given = {name: value for name, value in arguments.items() if value is not None}
    follows = bool(results[0].strip()) and CHECKS[instruction](results[0], **given)
    return {"prompt_level_strict_acc": follows}


def _ordered(topics: Sequence[str]) -> Iterator[Doc]:
    each = ITEMS // len(INSTRUCTIONS)
    for place, instruction in enumerate(INSTRUCTIONS):
        for number in range(each):
            # Instructions take turns with the topics, so that each topic is used equally often.
            topic = topics[(place * each + number) % len(topics)]
            arguments = instruction.arguments[number % len(instruction.arguments)]
            yield {
                "prompt": instruction.prompt.format(topic=topic, **arguments),
                "instruction_id_list": [instruction.id],
                "kwargs": [dict(arguments)],
            }
