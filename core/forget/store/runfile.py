"""`run.toml`: what a run is, frozen at its start, with the provenance of the one who started it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from forget.convert import to_plain
from forget.errors import FrozenRunError
from forget.store.atomic import write_text

__all__ = ["check_same", "differences", "freeze", "read", "read_settings"]


def freeze(path: Path, settings: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Write `run.toml`, or check that the one there was made with the same settings.

    Args:
        path: The file.
        settings: What makes the run what it is; another value is another run.
        provenance: Versions, hardware, date: kept of the first start, never compared.

    Raises:
        FrozenRunError: The run directory holds a run with other settings.
    """
    if not path.exists():
        document = {"settings": settings, "provenance": provenance}
        write_text(path, tomli_w.dumps(_without_none(to_plain(document))))
        return
    check_same(path, read_settings(path), settings)


def check_same(path: Path, frozen: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Check that what a `run.toml` freezes is what is wanted.

    Raises:
        FrozenRunError: It is not; the difference is in the message.
    """
    found = differences(frozen, _without_none(to_plain(settings)))
    if found:
        raise FrozenRunError(
            f"{path.parent} holds a run with other settings: {'; '.join(found)}. Ask for the same "
            "settings to continue it, or keep both by another --study name, --seed or --out."
        )


def read(path: Path) -> dict[str, Any]:
    """Return the content of a `run.toml`.

    Raises:
        FrozenRunError: It is not valid TOML (edited by hand, or not ours).
    """
    return _parsed(path, _text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError as error:
        raise _unreadable(path, error) from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: ValueError) -> FrozenRunError:
    return FrozenRunError(
        f"{path} is not a readable run file ({error}). Restore it, or move the folder away "
        "and run again."
    )


def read_settings(path: Path) -> dict[str, Any]:
    """Return what a `run.toml` freezes.

    Raises:
        FrozenRunError: See `read`.
    """
    # Provenance follows, is longer, and takes most of the time of reading a hundred of these.
    text = _text(path)
    head = text.partition("\n[provenance")[0]
    found = _parsed(path, head if "[settings]" in head else text)
    return dict(found.get("settings", {}))


def differences(
    frozen: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """List the settings that differ, as ``lr was 1e-05, now 0.001``."""
    found = []
    for key in sorted(frozen.keys() | wanted.keys()):
        old, new = frozen.get(key), wanted.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} was {_shown(old)}, now {_shown(new)}")
    return found


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


def _without_none(value: Any) -> Any:
    """Drop keys without value: TOML has no null, and an absent key means the same."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
