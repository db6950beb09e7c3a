"""What a new plugin and everything in it are called, and whether these names are free."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from typing import Literal, get_args

import attrs

from forget.catalogue import Catalogue
from forget.errors import RequestError
from forget.hooks import ENTRY_POINT_GROUP
from forget.plugins import Kind, Plugins

__all__ = ["KINDS", "Names", "PluginKind", "check_free", "names_of"]

PluginKind = Literal["method", "dataset", "teacher", "benchmark"]
KINDS: tuple[PluginKind, ...] = get_args(PluginKind)

_PREFIX = "forget-"
_LONGEST = 28  # so that no line of the templates grows longer than it may
_RULE = (
    "A name has lower-case letters, digits, and single - or _ between them; it begins with a "
    f"letter and has at most {_LONGEST} characters."
)
_RECORDS: dict[PluginKind, Kind] = {
    "method": "methods",
    "dataset": "datasets",
    "teacher": "teachers",
    "benchmark": "benchmarks",
}


@attrs.frozen(kw_only=True)
class Names:
    """What everything in a plugin is called.

    Attributes:
        name: The plugin and its record, as on the command line.
        kind: What it brings.
        distribution: What pip calls it.
        module: What Python imports.
        label: The part of the module's name that is its own.
        cls: The class of the record.
        title: The name in tables.
    """

    name: str
    kind: PluginKind
    distribution: str
    module: str
    label: str
    cls: str
    title: str


def names_of(name: str, kind: PluginKind) -> Names:
    """Derive all names from one.

    Raises:
        RequestError: It is not the name of a distribution, a module and an option's value alike.
    """
    if name.replace("_", "-").startswith(_PREFIX) and len(name) > len(_PREFIX):
        short = name[len(_PREFIX) :]
        raise RequestError(
            f"The name {name!r} begins with {_PREFIX!r}, which the distribution gets anyway: call "
            f"the plugin {short!r}, and {_PREFIX + short!r} is what pip installs."
        )
    if not _is_valid(name):
        raise RequestError(f"{name!r} cannot be the name of a plugin.{_proposal(name)} {_RULE}")
    label = name.replace("-", "_")
    words = label.split("_")
    camel = "".join(word.capitalize() for word in words)
    suffix = kind.capitalize()
    return Names(
        name=name,
        kind=kind,
        distribution=f"{_PREFIX}{label.replace('_', '-')}",
        module=f"forget_{label}",
        label=label,
        # The suffix keeps the class apart from what its module imports, whatever the name is.
        cls=camel if camel.endswith(suffix) and camel != suffix else f"{camel}{suffix}",
        title=" ".join(words).capitalize(),
    )


def check_free(names: Names, catalogue: Catalogue, plugins: Plugins) -> None:
    """Check that nothing installed, and nothing in the registry, has these names.

    A registry entry that waits for its plugin is no hindrance: this may be the one.

    Raises:
        RequestError: Who has the name.
    """
    owner = _owner(names, catalogue, plugins)
    if owner is not None:
        raise RequestError(f"{owner} Choose another name for the new {names.kind}.")


def _owner(names: Names, catalogue: Catalogue, plugins: Plugins) -> str | None:
    records = plugins.all(_RECORDS[names.kind])
    if names.name in records:
        provider = records[names.name].provider
        return f"There is a {names.kind} named {names.name!r} already: {provider} brings it."
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == names.name:
            brings = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            return f"There is a plugin named {names.name!r} already: {brings} brings it."
    if names.kind == "benchmark" and names.name in catalogue.suites:
        return f"There is a suite of benchmarks named {names.name!r} already, in the registry."
    entry = catalogue.teachers.get(names.name)
    if names.kind == "teacher" and entry is not None and entry.kind is not None:
        return f"There is a teacher named {names.name!r} already, in the registry."
    return _installed(names)


def _installed(names: Names) -> str | None:
    """Say what is installed under the distribution's name or the module's."""
    try:
        found = distribution(names.distribution)
    except PackageNotFoundError:
        pass
    else:
        return f"The distribution {names.distribution!r} is installed already ({found.version})."
    if find_spec(names.module) is not None:
        return f"There is a Python package named {names.module!r} already."
    return None


def _is_valid(name: str) -> bool:
    return (
        re.fullmatch(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", name) is not None
        and len(name) <= _LONGEST
    )


def _proposal(name: str) -> str:
    """Propose the nearest name that is valid, if there is one."""
    near = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:_LONGEST].rstrip("-")
    near = near.removeprefix(_PREFIX)
    return f" Try {near!r}." if _is_valid(near) else ""
