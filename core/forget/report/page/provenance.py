"""What runs were made of: settings, versions and hardware, told once where all have them alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Origins", "origins"]


class Origins(NamedTuple):
    """What `run.toml` says of all runs of a page.

    Attributes:
        runs: The titles of the runs.
        common: Keys that all runs have with the same value.
        differing: The other keys, with a value for each run; "" where it has none.
    """

    runs: Sequence[str]
    common: Mapping[str, str]
    differing: Mapping[str, Sequence[str]]


def origins(provenance: Mapping[str, Mapping[str, Any]]) -> Origins:
    """Part what is the same for all runs from what is not; keys are dotted as in TOML."""
    flat = {run: dict(_flat(said)) for run, said in provenance.items()}
    keys = list(dict.fromkeys(key for said in flat.values() for key in said))
    values = {key: [said.get(key, "") for said in flat.values()] for key in keys}
    common = {key: found[0] for key, found in values.items() if len(set(found)) == 1}
    differing = {key: found for key, found in values.items() if key not in common}
    return Origins(list(flat), common, differing)


def _flat(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{above}{key}", text
