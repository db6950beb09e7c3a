"""What is installed, against what is required and against what was tested together."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from forget.doctor.diagnosis import Check, Found
from forget.shipped import shipped_file

__all__ = ["DISTRIBUTION", "installed", "is_within", "packages", "requirements", "versions_file"]

DISTRIBUTION = "forget-llm"
_SHOWN = {"torch": "torch", "transformers": "transformers", "trl": "trl", "lm-eval": "lm_eval"}
"""Packages with a line of their own, and what they are imported as."""

_MOST_NAMED = 5


class Conflict(NamedTuple):
    """A requirement that does not hold.

    Attributes:
        text: Who requires what, and what there is.
        requirement: What is required.
        absent: It is not installed at all.
    """

    text: str
    requirement: Requirement
    absent: bool


def packages() -> Iterator[Check]:
    """Yield the checks of what is required: by us, and by what we require."""
    for name in _SHOWN:
        yield Check("environment", name, partial(_package, name))
    yield Check("environment", "other packages", _others)
    yield Check("environment", "conflicts", _conflicts)


def requirements(of: str = DISTRIBUTION, extras: frozenset[str] = frozenset()) -> list[Requirement]:
    """Return what a distribution requires here, with some extras."""
    chosen = {"", *extras}
    return [
        found
        for found in map(Requirement, requires(of) or ())
        if found.marker is None or any(found.marker.evaluate({"extra": e}) for e in chosen)
    ]


def installed(name: str) -> str | None:
    """Return the version of a distribution, None if it is not installed.

    What was removed by hand may leave a folder without a version, which is none.
    """
    try:
        found = distribution(name).metadata
    except PackageNotFoundError:
        return None
    return (found["Version"] or None) if "Version" in found else None


def versions_file() -> Path:
    """Return the file of the versions that were tested together, which pip reads as well."""
    return shipped_file("constraints.txt")


def is_within(version: str, specifier: SpecifierSet) -> bool:
    """Say whether a version is one of those that are allowed; a nightly build counts as one."""
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _tested() -> dict[str, SpecifierSet]:
    """Return the specifier of each version that was tested; none where the file was left out."""
    file = versions_file()
    if not file.is_file():
        return {}
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    found = map(Requirement, filter(None, lines))
    return {canonicalize_name(pin.name): pin.specifier for pin in found}


def _package(name: str) -> Found:
    required = next(found for found in requirements() if found.name == name)
    conflict = _conflict(required)
    if conflict is not None:
        return _wrong(conflict.text)
    if find_spec(_SHOWN[name]) is None:
        return _wrong(f"its files are not there, although {installed(name)} is recorded")
    version = str(installed(name))
    untested = _untested([required], _tested())
    return _as_tested(untested, version, f"{version}; {untested[0]}" if untested else "")


def _others() -> Found:
    others = [found for found in requirements() if found.name not in _SHOWN]
    wrong = [conflict.text for found in others if (conflict := _conflict(found))]
    if wrong:
        return _wrong("; ".join(wrong))
    text, untested = f"{len(others)} as required", _untested(others, _tested())
    return _as_tested(untested, text, f"{text}, of which {len(untested)} {_named(untested)}")


def _as_tested(untested: list[str], tested: str, other: str) -> Found:
    """Say which versions were not tested: they are allowed, and may be what is looked for."""
    if not untested:
        return Found(tested)
    return Found(
        other,
        "note",
        "where results look odd, take what was tested: "
        f"pip install --constraint {versions_file()} {DISTRIBUTION}",
    )


def _untested(required: list[Requirement], tested: Mapping[str, SpecifierSet]) -> list[str]:
    found = []
    for one in required:
        pin, version = tested.get(canonicalize_name(one.name)), installed(one.name)
        if pin is not None and version is not None and not is_within(version, pin):
            was = str(pin).removeprefix("==")
            found.append(f"{one.name} {version} was not tested, but {was}")
    return found


def _conflicts() -> Found:
    """Follow the requirements of all that is required, as ``pip check`` does for all there is."""
    conflicts, seen = _below(DISTRIBUTION)
    if not conflicts:
        return Found(f"{seen} packages have what they require")
    wanted = [conflict.requirement for conflict in conflicts]
    named = (f"{requirement.name}{requirement.specifier}" for requirement in wanted)
    text = _named([conflict.text for conflict in conflicts])
    mend = shlex.join(["pip", "install", *dict.fromkeys(named)])
    if any(conflict.absent for conflict in conflicts):
        return Found(text, "problem", command=mend)
    return Found(text, "note", f"if something fails there: {mend}")


def _below(root: str) -> tuple[list[Conflict], int]:
    """Walk through what is required by what a distribution requires; count how much that is."""
    version_of = cache(installed)  # one package is required by many
    waiting, seen = [(root, frozenset[str]())], set()
    conflicts = []
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for required in requirements(name, extras):
            conflict = _conflict(required, version_of, f"{name} {version_of(name)}: ")
            if conflict is not None and name != root:
                conflicts.append(conflict)
            if conflict is None or not conflict.absent:
                waiting.append((canonicalize_name(required.name), frozenset(required.extras)))
    return conflicts, len({name for name, _ in seen} - {root})


def _conflict(
    required: Requirement, version_of: Callable[[str], str | None] = installed, who: str = ""
) -> Conflict | None:
    version = version_of(required.name)
    if version is None:
        return Conflict(f"{who}{required.name} is not installed", required, True)
    if is_within(version, required.specifier):
        return None
    text = f"{who}{required.name} {version}, but {required.specifier} is required"
    return Conflict(text, required, False)


def _wrong(what: str) -> Found:
    return Found(what, "problem", command=f"pip install {DISTRIBUTION}")


def _named(texts: list[str]) -> str:
    more = f"; and {len(texts) - _MOST_NAMED} more" if texts[_MOST_NAMED:] else ""
    return "; ".join(texts[:_MOST_NAMED]) + more
