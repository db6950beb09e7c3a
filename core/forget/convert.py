"""Plain data (TOML, JSON, `--set` texts) to typed records and back, by cattrs with strict scalars.

cattrs converts kindly by default (``int("x")`` fails, but ``bool("no")`` is true and ``str(3)`` is
silently ``"3"``). Here a scalar of the wrong type is an error that carries the path of its key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn

from forget.deprecation import current_names, deprecated_fields, told_already
from forget.errors import nearest

__all__ = ["BadValue", "structure", "to_plain", "type_name"]

T = TypeVar("T")


class BadValue(ValueError):
    """Plain data does not fit its record; `problems` has one line each, with the key's path."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def structure(data: Any, cls: type[T]) -> T:
    """Make a `cls` from plain data.

    Args:
        data: What a TOML or JSON file held, or a mapping of texts.
        cls: An attrs class, a scalar type, or a generic of them.

    Raises:
        BadValue: A key is unknown, a value missing or of the wrong type.
    """
    try:
        return _CONVERTER.structure(data, cls)
    except Exception as error:
        found = transform_error(error, path="$", format_exception=_explain)
        raise BadValue([_key_first(line) for line in found]) from error


def to_plain(value: Any) -> Any:
    """Turn records into dicts, lists and scalars that TOML and JSON can hold."""
    if attrs.has(type(value)):
        return {f.name: to_plain(getattr(value, f.name)) for f in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def type_name(hint: Any) -> str:
    """Name a type as a person would: ``int | none``, ``cosine | linear``, ``list of text``."""
    if get_origin(hint) is Literal:
        return " | ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(type_name(arm) for arm in get_args(hint))
    if get_origin(hint) in (tuple, list):
        return f"list of {type_name(get_args(hint)[0])}"
    if get_origin(hint) in (dict, Mapping):
        return "table"
    names = {NoneType: "none", str: "text", bool: "true | false", int: "integer", float: "number"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _key_first(line: str) -> str:
    """Rewrite cattrs' ``problem @ $.path.to.key`` as ``path.to.key: problem``."""
    problem, _, path = line.rpartition(" @ $")
    return f"{path.lstrip('.')}: {problem}" if path.lstrip(".") else problem


def _explain(error: BaseException, _: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = [f.alias for f in attrs.fields(error.cl)]
        return "; ".join(_unknown_key(key, known) for key in sorted(error.extra_fields))
    if isinstance(error, KeyError):
        return "is missing"
    # cattrs takes a mapping for granted where the record or the annotation is one.
    return "must be a table" if isinstance(error, TypeError | AttributeError) else str(error)


def _unknown_key(key: str, known: list[str]) -> str:
    close = nearest(key, known, count=1)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown key {key!r}{meant}; valid keys: {', '.join(known)}"


def _strictly(accepts: tuple[type, ...], hint: type) -> Any:
    """Make a structure hook for one scalar type; texts convert, other mismatches are errors."""

    def hook(value: Any, _: Any) -> Any:
        bad = ValueError(f"must be {type_name(hint)}, but is {value!r}")
        if isinstance(value, bool) and hint is not bool:
            raise bad
        if not isinstance(value, (*accepts, str)):
            raise bad
        try:
            return hint(value)
        except ValueError:
            raise bad from None

    return hook


def _bool(value: Any, _: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str):
        value = words.get(value.lower(), value)
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, but is {value!r}")
    return value


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, but is {value!r}")
    return value


def _table(value: Any, _: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"must be a table (as JSON), but is {value!r}") from None
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


def _literal(value: Any, hint: Any) -> Any:
    if value not in get_args(hint):
        raise ValueError(f"must be one of {', '.join(map(str, get_args(hint)))}, but is {value!r}")
    return value


def _tuple(value: Any, hint: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a {type_name(hint)}, but is {value!r}")
    return tuple(_CONVERTER.structure(item, get_args(hint)[0]) for item in value)


def _optional(value: Any, hint: Any) -> Any:
    """Structure ``A | B | None``: none first, then the first arm that takes the value."""
    arms = get_args(hint)
    if NoneType in arms and (value is None or value in ("none", "None", "")):
        return None
    for arm in arms:
        if arm is NoneType:
            continue
        try:
            return _CONVERTER.structure(value, arm)
        except ValueError:
            continue
    raise ValueError(f"must be {type_name(hint)}, but is {value!r}")


def _renaming(cls: type) -> Callable[[Any, Any], Any]:
    """Make the structure hook of a record that has fields with other names than they once had."""
    structured: Callable[[Any, Any], Any] = make_dict_structure_fn(
        cls, _CONVERTER, _cattrs_forbid_extra_keys=True
    )

    def hook(value: Any, hint: Any) -> Any:
        if isinstance(value, Mapping):
            value = current_names(cls, value, "key {!r}")
        with told_already():
            return structured(value, hint)

    return hook


def _is_generic(origin: Any) -> Callable[[Any], bool]:
    return lambda hint: get_origin(hint) is origin


def _is_union(hint: Any) -> bool:
    arms = get_args(hint)
    return get_origin(hint) in (Union, UnionType) and not any(attrs.has(arm) for arm in arms)


_CONVERTER = Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook_factory(lambda cls: bool(deprecated_fields(cls)), _renaming)
_CONVERTER.register_structure_hook(int, _strictly((int,), int))
_CONVERTER.register_structure_hook(float, _strictly((int, float), float))
_CONVERTER.register_structure_hook(bool, _bool)
_CONVERTER.register_structure_hook(str, _text)
_CONVERTER.register_structure_hook_func(_is_generic(Literal), _literal)
_CONVERTER.register_structure_hook_func(_is_generic(tuple), _tuple)
_CONVERTER.register_structure_hook_func(_is_union, _optional)
_CONVERTER.register_structure_hook_func(lambda hint: hint == dict[str, Any], _table)
_CONVERTER.register_structure_hook(Path, lambda value, _: Path(_text(value, None)))
