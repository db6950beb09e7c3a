"""Refuses to compare what is not alike, and says what differs; pairs what is, item by item."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import attrs
import numpy as np
from numpy.typing import NDArray

from forget.errors import DataError, UnknownNameError
from forget.evaluation.items import Item
from forget.verdict.answered import Answered, Key
from forget.verdict.pairing import clusters_of

__all__ = [
    "Difference",
    "Paired",
    "check_questions",
    "check_settings",
    "differences",
    "pair",
    "unchecked",
]

_EXPLAINED = {
    "questions": "a hash of task files or verifier, documents and --limit",
    "process_results": "how answers are marked",
}
_TOLD_BY_ALL = {"engine", "device", "device_name", "dtype", "lm-eval", "torch", "transformers"}
"""Settings of which it is worth saying that nobody tells them."""
_SHOWN = 60
"""Characters of a value that an error shows."""


class Difference(NamedTuple):
    """A setting that two evaluations do not have alike.

    Attributes:
        setting: Its name.
        base: The base's value; None where it is not set.
        other: The other's.
    """

    setting: str
    base: str | None
    other: str | None


@attrs.frozen(kw_only=True, eq=False)
class Paired:
    """Two models' scores of the same items of one benchmark.

    Attributes:
        base: The base's answers.
        other: The other's.
        base_scores: The base's score of each item.
        scores: The other's, in the same order.
        clusters: Each item's cluster; None where items count as independent.
        items: The pairs of items themselves, base first.
    """

    base: Answered
    other: Answered
    base_scores: NDArray[np.float64]
    scores: NDArray[np.float64]
    clusters: NDArray[np.intp] | None
    items: Sequence[tuple[Item, Item]]


def differences(base: Answered, other: Answered) -> list[Difference]:
    """Return the settings that differ.

    Of evaluations of one origin, a setting that one alone has differs; of different origins, only
    what both tell can be compared: see `unchecked`.
    """
    ours, theirs = base.settings, other.settings
    names = _one_sided(base, other) if base.origin == other.origin else []
    names += [name for name in ours if name in theirs and ours[name] != theirs[name]]
    return [Difference(name, ours.get(name), theirs.get(name)) for name in sorted(names)]


def unchecked(base: Answered, other: Answered) -> list[str]:
    """Return the settings that may differ for all that is known.

    One of two evaluations of different origins does not tell them, or neither does: lm-eval writes
    its own version down since 0.4.9 alone.
    """
    untold = _TOLD_BY_ALL - base.settings.keys() - other.settings.keys()
    alone = [] if base.origin == other.origin else _one_sided(base, other)
    return sorted({*untold, *alone})


def check_settings(
    pairs: Sequence[tuple[Answered, Answered]], names: tuple[str, str], despite: Sequence[str]
) -> list[Difference]:
    """Refuse evaluations that were not made alike.

    Args:
        pairs: Both sides' answers to each benchmark, base first.
        names: What the user calls the two sides, base first.
        despite: Settings that may differ.

    Returns:
        The settings that differ and may.

    Raises:
        DataError: Another differs; the message has both values, and how to go on in spite of it.
        UnknownNameError: There is no such setting.
    """
    known = {name for pair in pairs for side in pair for name in side.settings}
    for name in despite:
        if name not in known:
            raise UnknownNameError("setting of an evaluation", name, known)
    found: dict[Difference, list[str]] = {}
    for base, other in pairs:
        for difference in differences(base, other):
            found.setdefault(difference, []).append(base.benchmark)
    refused = {d: where for d, where in found.items() if d.setting not in despite}
    if refused:
        _refuse_settings(refused, names, len(pairs))
    return list(found)


def check_questions(base: Answered, other: Answered, names: tuple[str, str]) -> None:
    """Refuse different items of a benchmark that one model alone has answered so far.

    Args:
        base: The base's answers.
        other: The other's.
        names: What the user calls the two sides, base first.

    Raises:
        DataError: They are different.
    """
    if (base.questions is None) == (other.questions is None):
        return
    ours, theirs = (dict.fromkeys(_keys(side)) for side in (base, other))
    if ours.keys() != theirs.keys():
        _refuse_items(base.benchmark, ours, theirs, names)


def pair(base: Answered, other: Answered, names: tuple[str, str]) -> Paired:
    """Pair the items of two models on one benchmark.

    Args:
        base: The base's answers.
        other: The other's.
        names: What the user calls the two sides, base first.

    Raises:
        DataError: They were asked different items, with different prompts or right answers, or
            marked by different metrics, or a score is not a number.
    """
    what = base.benchmark
    if base.metric != other.metric:
        raise DataError(
            f"{what} is scored by {base.metric} in {names[0]} and by {other.metric} in {names[1]}. "
            "Evaluate both by the same task."
        )
    ours, theirs = (
        _by_key(side.read(), what, n) for side, n in zip((base, other), names, strict=True)
    )
    if ours.keys() != theirs.keys():
        _refuse_items(what, ours, theirs, names)
    items = [(ours[key], theirs[key]) for key in ours]
    for one, another in items:
        _check_item(what, one, another, names)
    # Evaluations from before clusters were kept, and tasks that are not registered, tell none.
    shared = [one.cluster or another.cluster for one, another in items]
    return Paired(
        base=base,
        other=other,
        base_scores=np.array([one.score for one, _ in items]),
        scores=np.array([another.score for _, another in items]),
        clusters=clusters_of([one.task for one, _ in items], shared),
        items=items,
    )


def _keys(answered: Answered) -> Sequence[Key]:
    if answered.questions is not None:
        return answered.questions()
    return [(item.task, item.doc_hash, item.doc_id) for item in answered.read()]


def _one_sided(base: Answered, other: Answered) -> list[str]:
    return list(base.settings.keys() ^ other.settings.keys())


def _refuse_settings(
    refused: Mapping[Difference, Sequence[str]], names: tuple[str, str], count: int
) -> NoReturn:
    said = []
    for difference, where in refused.items():
        hint = _EXPLAINED.get(difference.setting)
        base, other = _apart(difference.base or "not set", difference.other or "not set")
        places = "" if len(where) == count else f", of {', '.join(where)}"
        said.append(
            f"{difference.setting}{f' ({hint})' if hint else ''} is {base} in {names[0]} and "
            f"{other} in {names[1]}{places}"
        )
    options = " ".join(dict.fromkeys(f"--despite {d.setting}" for d in refused))
    raise DataError(
        f"{names[0]} and {names[1]} were not evaluated alike, so what differs may be no difference "
        f"of the models: {'; '.join(said)}. Evaluate both alike, or compare them all the same with "
        f"{options}."
    )


def _by_key(items: Iterable[Item], benchmark: str, name: str) -> dict[Key, Item]:
    found = {}
    for item in items:
        if math.isnan(item.score):
            raise DataError(
                f"Item {item.doc_id} of {item.task} in {name} has no score (NaN), so {benchmark} "
                "cannot be compared: the model's output was not a number. Look at its weights, and "
                "evaluate it again."
            )
        found[item.task, item.doc_hash, item.doc_id] = item
    return found


def _refuse_items(
    benchmark: str, ours: Mapping[Key, Any], theirs: Mapping[Key, Any], names: tuple[str, str]
) -> NoReturn:
    said = []
    for mine, others, name in ((ours, theirs, names[0]), (theirs, ours, names[1])):
        alone = [key for key in mine if key not in others]
        if not alone:
            continue
        task, _, doc_id = alone[0]
        changed = any((other[0], other[2]) == (task, doc_id) for other in others)
        what = ", another question in the other" if changed else ""
        said.append(f"{name} alone has {len(alone):,} (the first: {task}, item {doc_id}{what})")
    raise DataError(
        f"{names[0]} and {names[1]} were asked different items of {benchmark} ({len(ours):,} and "
        f"{len(theirs):,}): {'; '.join(said)}. Evaluate both on the same data and with the same "
        "--limit."
    )


def _check_item(benchmark: str, one: Item, another: Item, names: tuple[str, str]) -> None:
    for what, base, other, advice in (
        ("prompt", one.prompt, another.prompt, "the same prompts (few-shot, chat template)"),
        ("right answer", one.target, another.target, "the same version of the task"),
    ):
        if base != other:
            shown = _apart(base, other)
            raise DataError(
                f"Item {one.doc_id} of {one.task} has another {what} in {names[0]} ({shown[0]}) "
                f"than in {names[1]} ({shown[1]}), so {benchmark} cannot be compared. Evaluate "
                f"both with {advice}."
            )


def _apart(one: str, other: str) -> tuple[str, str]:
    """Shorten two texts so that what differs is seen."""
    start = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    start = 0 if max(len(one), len(other)) <= _SHOWN else max(0, start - _SHOWN // 3)
    return _cut(one, start), _cut(other, start)


def _cut(text: str, start: int) -> str:
    end = start + _SHOWN
    part = f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
    return " ".join(repr(part).split())
