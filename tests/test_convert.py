from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from forget.convert import BadValue, structure, to_plain, type_name


@attrs.frozen(kw_only=True)
class Inner:
    size: int
    label: str = ""


@attrs.frozen(kw_only=True)
class Outer:
    name: str
    inner: Inner | None = None
    parts: tuple[Inner, ...] = ()
    table: dict[str, int] = attrs.field(factory=dict)
    anything: dict[str, Any] = attrs.field(factory=dict)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, 3),
        ("3", int, 3),
        ("-3", int, -3),
        (3, float, 3.0),
        (0.5, float, 0.5),
        ("1e-5", float, 1e-5),
        ("inf", float, float("inf")),
        (True, bool, True),
        ("true", bool, True),
        ("Yes", bool, True),
        ("1", bool, True),
        ("FALSE", bool, False),
        ("no", bool, False),
        ("0", bool, False),
        ("text", str, "text"),
        ("", str, ""),
        ("b", Literal["a", "b"], "b"),
        (["a", "b"], tuple[str, ...], ("a", "b")),
        (("a",), tuple[str, ...], ("a",)),
        ("a, b,", tuple[str, ...], ("a", "b")),
        ("1,2", tuple[int, ...], (1, 2)),
        ([], tuple[int, ...], ()),
        (None, int | None, None),
        ("none", int | None, None),
        ("None", float | None, None),
        ("", int | None, None),
        ("7", int | None, 7),
        (7, int | None, 7),
        ("7", int | str, 7),
        ("seven", int | str, "seven"),
        ("a/b", Path, Path("a/b")),
        ({"a": 1}, dict[str, int], {"a": 1}),
        ({"a": [1, None]}, dict[str, Any], {"a": [1, None]}),
        ('{"a": [1, null]}', dict[str, Any], {"a": [1, None]}),
        ('{"a": 1}', dict[str, Any] | None, {"a": 1}),
    ],
)
def test_values_that_fit(value: Any, hint: Any, expected: Any) -> None:
    found = structure(value, hint)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_is_a_number() -> None:
    assert isnan(structure("nan", float))


@pytest.mark.parametrize(
    ("value", "hint", "says"),
    [
        (1.5, int, "must be integer, but is 1.5"),
        (2.0, int, "must be integer, but is 2.0"),
        ("2.0", int, "must be integer, but is '2.0'"),
        ("two", int, "must be integer, but is 'two'"),
        (True, int, "must be integer, but is True"),
        (None, int, "must be integer, but is None"),
        ([1], int, r"must be integer, but is \[1\]"),
        (False, float, "must be number, but is False"),
        ("fast", float, "must be number, but is 'fast'"),
        (None, float, "must be number, but is None"),
        (1, bool, "must be true or false, but is 1"),
        ("maybe", bool, "must be true or false, but is 'maybe'"),
        (None, bool, "must be true or false, but is None"),
        (3, str, "must be text, but is 3"),
        (None, str, "must be text, but is None"),
        (["a"], str, r"must be text, but is \['a'\]"),
        ("c", Literal["a", "b"], "must be one of a, b, but is 'c'"),
        (["a"], Literal["a", "b"], r"must be one of a, b, but is \['a'\]"),
        (3, tuple[str, ...], "must be a list of text, but is 3"),
        ([3], tuple[str, ...], "must be text, but is 3"),
        ({"a": 1}, tuple[str, ...], "must be a list of text"),
        ("x", int | None, r"must be integer \| none, but is 'x'"),
        (None, int | str, r"must be integer \| text, but is None"),
        (3, Path, "must be text, but is 3"),
        (3, dict[str, int], "must be a table"),
        ("[1]", dict[str, Any], "must be a table"),
        ("{a}", dict[str, Any], r"must be a table \(as JSON\), but is '{a}'"),
        (["a"], dict[str, int], "must be a table"),
        (3, Inner, "must be a table"),
        ("x", Inner, "must be a table"),
    ],
)
def test_values_that_do_not_fit(value: Any, hint: Any, says: str) -> None:
    with pytest.raises(BadValue, match=says) as caught:
        structure(value, hint)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ({}, "name: is missing"),
        ({"name": 3}, "name: must be text, but is 3"),
        ({"name": "x", "inner": {"size": "big"}}, "inner.size: must be integer, but is 'big'"),
        ({"name": "x", "inner": {}}, "inner.size: is missing"),
        ({"name": "x", "inner": 3}, "inner: must be a table"),
        ({"name": "x", "parts": [{"size": 1}, {"size": None}]}, "must be integer, but is None"),
        ({"name": "x", "table": {"a": "z"}}, "must be integer, but is 'z'"),
        ({"name": "x", "anything": 3}, "anything: must be a table"),
    ],
)
def test_a_problem_carries_the_path_of_its_key(plain: Any, problem: str) -> None:
    with pytest.raises(BadValue) as caught:
        structure(plain, Outer)
    [found] = caught.value.problems
    assert found == problem or (":" not in problem and found.endswith(problem))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BadValue) as caught:
        structure({"name": 3, "inner": {"size": "big"}}, Outer)
    assert len(caught.value.problems) == 2
    assert "name: must be text" in str(caught.value)
    assert "inner.size: must be integer" in str(caught.value)


def test_an_unknown_key_is_answered_by_the_nearest_and_by_all() -> None:
    with pytest.raises(BadValue) as caught:
        structure({"name": "x", "inner": {"size": 1, "lable": "y"}}, Outer)
    assert caught.value.problems == [
        "inner: unknown key 'lable' (did you mean 'label'?); valid keys: size, label"
    ]


def test_an_unknown_key_unlike_all() -> None:
    with pytest.raises(BadValue, match=r"^unknown key 'zzz'; valid keys: size, label$"):
        structure({"size": 1, "zzz": 2}, Inner)


def test_records_become_plain_and_come_back() -> None:
    record = Outer(
        name="x",
        inner=Inner(size=1),
        parts=(Inner(size=2, label="a"), Inner(size=3)),
        table={"a": 1},
        anything={"deep": [1, "two", None, 0.5, True]},
    )
    plain = to_plain(record)
    assert plain == {
        "name": "x",
        "inner": {"size": 1, "label": ""},
        "parts": [{"size": 2, "label": "a"}, {"size": 3, "label": ""}],
        "table": {"a": 1},
        "anything": {"deep": [1, "two", None, 0.5, True]},
    }
    assert structure(plain, Outer) == record


def test_paths_and_odd_keys_become_texts() -> None:
    assert to_plain({1: Path("a/b"), "c": (Path("d"),)}) == {"1": "a/b", "c": ["d"]}


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (int, "integer"),
        (float, "number"),
        (str, "text"),
        (bool, "true | false"),
        (int | None, "integer | none"),
        (Literal["cosine", "linear"], "cosine | linear"),
        (tuple[str, ...], "list of text"),
        (list[int], "list of integer"),
        (dict[str, int], "table"),
        (Mapping[str, int], "table"),
        (Path, "Path"),
    ],
)
def test_types_have_names_for_people(hint: Any, name: str) -> None:
    assert type_name(hint) == name
