from __future__ import annotations

import re

import pytest

from forget import errors
from forget.errors import ForgetError, UnknownNameError, nearest


def tree(cls: type[Exception]) -> set[type[Exception]]:
    return {cls, *(leaf for child in cls.__subclasses__() for leaf in tree(child))}


def test_the_docstring_draws_every_error_below_its_parent() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^[ │├└─]*([A-Z]\w+)  ", line)
        if found is None:
            continue
        depth, name = found.start(1), found.group(1)
        above = [(d, n) for d, n in above if d < depth]
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((depth, name))
    ours = {cls for cls in tree(ForgetError) if cls.__module__ == errors.__name__}
    assert drawn == {cls.__name__: cls.__base__.__name__ for cls in ours if cls.__base__}


def test_all_lists_every_error() -> None:
    ours = {cls.__name__ for cls in tree(ForgetError) if cls.__module__ == errors.__name__}
    assert set(errors.__all__) == ours | {"nearest"}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("ForgetError", 1),
        ("WorkError", 1),
        ("StorageError", 5),
        ("CheckFailed", 3),
        ("RequestError", 2),
        ("UnknownNameError", 2),
        ("CatalogueError", 2),
        ("PluginError", 2),
        ("SettingsError", 2),
        ("DataError", 2),
        ("ModelError", 2),
        ("FrozenRunError", 2),
        ("OutputError", 2),
        ("BusyError", 4),
    ],
)
def test_exit_status(name: str, status: int) -> None:
    assert getattr(errors, name).exit_status == status


def test_nearest_puts_the_best_first_and_ignores_case() -> None:
    assert nearest("GT-SF", ["spin", "sf-sft", "gt-sft"])[0] == "gt-sft"
    assert nearest("gsm8K", ["GSM8K", "math"]) == ["GSM8K"]


def test_nearest_gives_at_most_the_count_and_nothing_unlike() -> None:
    assert len(nearest("aaaa", ["aaab", "aaac", "aaad", "aaae"])) == 3
    assert len(nearest("aaaa", ["aaab", "aaac"], count=1)) == 1
    assert nearest("zzz", ["gt-sft", "spin"]) == []


def test_an_unknown_name_is_answered_by_the_nearest() -> None:
    error = UnknownNameError("method", "spim", ["pi", "spin", "grpo"], hint="Look.")
    assert str(error).startswith("There is no method named 'spim'. Did you mean 'spin'")
    assert str(error).endswith("Look.")
    assert (error.kind, error.name) == ("method", "spim")


def test_an_unknown_name_unlike_all_is_answered_by_all() -> None:
    text = str(UnknownNameError("method", "xyzzy", ["spin", "grpo"]))
    assert text == "There is no method named 'xyzzy'. Known names: grpo, spin."


def test_an_unknown_name_among_none() -> None:
    assert str(UnknownNameError("study", "x", [])) == "There is no study named 'x'."
