"""What a record says of itself, checked alike for every kind."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from forget.settings import describe

__all__ = ["check_names", "check_settings", "heeds_deprecations"]

heeds_deprecations = pytest.mark.filterwarnings(
    "error::forget.deprecation.ForgetDeprecationWarning"
)
"""Marks tests of a plugin, which fail where it uses what is to go."""


def check_names(record: Any) -> None:
    """Check name, title and summary.

    Raises:
        AssertionError: One is missing, or cannot stand where it is shown.
    """
    assert not isinstance(record, type), (
        f"{record!r} is a class; a hook yields an object of it: {record.__name__}()"
    )
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", record.name), (
        f"the name {record.name!r} cannot be typed and stored everywhere: use a-z, 0-9, '.', '_' "
        "and '-', a letter or digit first"
    )
    for member in ("title", "summary"):
        text = getattr(record, member)
        assert isinstance(text, str), f"{member} is no text: {text!r}"
        assert text.strip() == text != "", f"{member} is empty or has spaces around it: {text!r}"
        assert "\n" not in text, f"{member} is more than one line: {text!r}"


def check_settings(settings: type, inherited: type) -> None:
    """Check a settings class: frozen, with defaults, each setting with its help.

    Args:
        settings: The class.
        inherited: What it must have all settings of.

    Raises:
        AssertionError: It is not so.
    """
    made = settings()
    assert isinstance(made, inherited), (
        f"{settings.__name__} is no subclass of {inherited.__name__}"
    )
    infos = describe(settings)
    for info in infos:
        assert info.help.strip() != "", f"the setting {info.name!r} has no help"
        assert "\n" not in info.help, f"the help of {info.name!r} is more than one line"
    try:
        setattr(made, infos[0].name, infos[0].default)
    except attrs.exceptions.FrozenInstanceError:
        return
    raise AssertionError(f"{settings.__name__} is not frozen: attrs.frozen(kw_only=True)")
