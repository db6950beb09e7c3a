"""Typed settings: attrs classes whose fields carry their own help, read from TOML and `--set`.

A settings class is ``attrs.frozen(kw_only=True)``; each field is made by `setting`, which keeps the
help text and the limits in the field's metadata, so that `forget show`, the command line and the
documentation are generated from the class and never typed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_type_hints

import attrs

from forget.convert import BadValue, structure, type_name
from forget.deprecation import current_names, deprecated_fields, told_already
from forget.errors import SettingsError, nearest

__all__ = [
    "SettingInfo",
    "build",
    "describe",
    "identity",
    "parse_assignments",
    "setting",
    "setting_names",
    "training_identity",
    "variant_setting",
]

T = TypeVar("T")


class SettingInfo(NamedTuple):
    """What a person needs to know about one setting."""

    name: str
    type: str
    default: Any
    help: str


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    technical: bool = False,
    frozen: bool = True,
) -> Any:
    """Declare one field of a settings class.

    Args:
        default: The value if nobody says otherwise.
        help: One line for `forget show` and the documentation; units in brackets.
        minimum: The smallest valid number, inclusive; of a list, of each of its numbers.
        maximum: The largest valid number, inclusive.
        technical: It decides how fast and where something is done, not what comes out: two
            teachers that differ in it alone write the same data.
        frozen: It belongs to what a run is and cannot be changed later. One that is not decides
            nothing of what is trained: only on how many processors, what is measured beside it, or
            what is done with it afterwards.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "technical": technical,
        "frozen": frozen,
    }
    return attrs.field(default=default, metadata=metadata)


def variant_setting(default: str, help: str, presets: Mapping[str, Mapping[str, Any]]) -> Any:
    """Declare the field that says which variant of a method is meant.

    Args:
        default: The value if nobody says otherwise.
        help: See `setting`.
        presets: For some of its values, what other settings then are; whoever chooses such a value
            gets these, unless they are set besides.
    """
    return attrs.field(default=default, metadata={"help": help, "presets": presets})


def describe(cls: type) -> list[SettingInfo]:
    """List the settings of a class in the order of their declaration."""
    hints = _hints(cls)
    return [
        SettingInfo(f.name, type_name(hints[f.name]), f.default, f.metadata.get("help", ""))
        for f in attrs.fields(cls)
    ]


def setting_names(cls: type) -> set[str]:
    """Return the names that a class takes for its settings, old ones that still work included."""
    return {field.name for field in attrs.fields(cls)} | deprecated_fields(cls).keys()


def identity(settings: Any) -> dict[str, Any]:
    """Return those settings that decide what comes out: all but the technical ones."""
    return {
        field.name: getattr(settings, field.name)
        for field in attrs.fields(type(settings))
        if not field.metadata.get("technical")
    }


def training_identity(settings: Any) -> dict[str, Any]:
    """Return those settings that decide what is trained: those that are frozen."""
    return {
        field.name: getattr(settings, field.name)
        for field in attrs.fields(type(settings))
        if field.metadata.get("frozen", True)
    }


def build(cls: type[T], *layers: Mapping[str, Any], where: str) -> T:
    """Make a settings object from layers of values, later layers winning.

    Args:
        cls: The settings class.
        layers: Mappings from setting name to value; texts are converted to the field's type.
        where: Whose settings they are, for the error message: ``method gt-sft``.

    Raises:
        SettingsError: An unknown setting, a value of a wrong type, or one out of range.
    """
    fields = {f.name: f for f in attrs.fields(cls)}  # type: ignore[arg-type]
    hints = _hints(cls)  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    try:
        renamed = [current_names(cls, layer, f"setting {{!r}} of {where}") for layer in layers]
    except ValueError as error:
        raise SettingsError(str(error)) from None
    for name, value in _merged(list(fields.values()), renamed).items():
        if name not in fields:
            raise SettingsError(_unknown(name, list(fields), where))
        try:
            values[name] = structure(value, hints[name])
        except BadValue:
            raise SettingsError(
                f"The setting {name!r} of {where} must be {type_name(hints[name])}, "
                f"but is {value!r}."
            ) from None
        _check_range(values[name], fields[name], where)
    with told_already():
        return cls(**values)


@cache
def _hints(cls: type) -> dict[str, Any]:
    """Return the types of the settings; to read them evaluates text."""
    return get_type_hints(cls)


def _merged(
    fields: Sequence[attrs.Attribute[Any]], layers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Lay the layers over each other; a preset lies right under the layer that chooses it."""
    values: dict[str, Any] = {}
    for layer in layers:
        for field in fields:
            if field.name in layer:
                values |= field.metadata.get("presets", {}).get(str(layer[field.name]), {})
        values |= layer
    return values


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Split ``["lr=1e-5", "epochs=2"]`` into a mapping of texts.

    Raises:
        SettingsError: An assignment without ``=`` or without a name.
    """
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise SettingsError(
                f"--set takes NAME=VALUE, but got {assignment!r}. Write for instance --set lr=1e-5."
            )
        values[name.strip().replace("-", "_")] = value.strip()
    return values


def _unknown(name: str, known: list[str], where: str) -> str:
    close = nearest(name, known)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"There is no setting {name!r} of {where}.{hint} Its settings: {', '.join(known)}."


def _check_range(value: Any, field: attrs.Attribute[Any], where: str) -> None:
    if isinstance(value, tuple):
        for item in value:
            _check_range(item, field, where)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    # "not inside" instead of "outside", so that NaN, which compares false with all, is refused.
    inside = (low is None or value >= low) and (high is None or value <= high)
    if not inside:
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        limits = f"at most {high}" if low is None else limits
        raise SettingsError(
            f"The setting {field.name!r} of {where} must be {limits}, but is {value}."
        )
