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

__all__ = ["differences", "freeze", "read"]


def freeze(path: Path, settings: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Write `run.toml`, or check that the one there was made with the same settings.

    Args:
        path: The file.
        settings: What makes the run what it is; another value is another run.
        provenance: Versions, hardware, date: kept of the first start, never compared.

    Raises:
        FrozenRunError: The run directory holds a run with other settings.
    """
    wanted = _without_none(to_plain(settings))
    if not path.exists():
        document = {"settings": wanted, "provenance": _without_none(to_plain(provenance))}
        write_text(path, tomli_w.dumps(document))
        return
    found = differences(read(path).get("settings", {}), wanted)
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
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FrozenRunError(
            f"{path} is not a readable run file ({error}). Restore it, or move the folder away "
            "and run again."
        ) from error


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
