"""Discovery of plugins: entry points only, broken ones kept apart.

Every plugin, ours included, is an entry point of the group ``forget``. pluggy has three habits that
are handled here: an entry point that fails to import would kill the command, a second one of the
same name would silently be ignored, and a misspelt hook would never be called. Whether a plugin is
written for this version of the contract is asked of `forget.compatibility`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import NamedTuple

import attrs
import pluggy

from forget import hooks
from forget.compatibility import check_hooks, check_version, why_not_imported, written_for
from forget.errors import PluginError, UnknownNameError

__all__ = ["FAULTS", "Broken", "Discovered", "Loaded", "Provider", "discover", "reason"]

FAULTS = (Exception, SystemExit)
"""What the code of a plugin may raise: one that calls `sys.exit` must not end the command."""


@attrs.frozen
class Provider:
    """Who brings a record: plugin, distribution and version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        """Write it as ``forget-llm 0.1.0``."""
        return f"{self.distribution} {self.version}"


@attrs.frozen
class Loaded:
    """A plugin that is loaded, and the version of the contract that it was written for."""

    provider: Provider
    api_version: str


@attrs.frozen
class Broken:
    """A plugin that cannot be used, and why."""

    provider: Provider
    reason: str


class Discovered(NamedTuple):
    """The plugins of this environment.

    Attributes:
        manager: It has those that are loaded, by name.
        loaded: They, with what is known of them.
        broken: Those that cannot be used.
    """

    manager: pluggy.PluginManager
    loaded: dict[str, Loaded]
    broken: list[Broken]


def discover() -> Discovered:
    """Import every plugin of the entry-point group ``forget``.

    The environment variable ``FORGET_PLUGINS`` (``a,b``) loads a subset, for debugging.

    Raises:
        PluginError: Two distributions bring a plugin of the same name.
        UnknownNameError: ``FORGET_PLUGINS`` names a plugin that is not there.
    """
    manager = pluggy.PluginManager("forget")
    manager.add_hookspecs(hooks)
    found = Discovered(manager, {}, [])
    for point, provider in _selected(_discovered()):
        try:
            api_version = _load(point, provider, manager)
        except FAULTS as error:
            found.broken.append(Broken(provider, reason(error)))
        else:
            found.loaded[point.name] = Loaded(provider, api_version)
    return found


def _load(point: EntryPoint, provider: Provider, manager: pluggy.PluginManager) -> str:
    """Import and register a plugin; return the version of the contract that it was written for.

    Raises:
        PluginError: It is not written for this one, or has a hook that there is not.
        Exception: Whatever the import of a plugin raises.
    """
    try:
        # What an import prints must not stand in our answer, which may be JSON.
        with redirect_stdout(sys.stderr):
            plugin = point.load()
    except FAULTS as error:
        why = why_not_imported(point)
        if not why:
            raise
        raise PluginError(f"{reason(error)}; {why}") from error
    api_version = check_version(written_for(point.module), provider.distribution)
    manager.register(plugin, name=point.name)
    try:
        check_hooks(manager, plugin)
    except PluginError:
        manager.unregister(plugin)
        raise
    return api_version


def _discovered() -> dict[str, tuple[EntryPoint, Provider]]:
    """Collect the entry points by name, refusing two of one name."""
    points: dict[str, tuple[EntryPoint, Provider]] = {}
    for point, provider in _provided(entry_points(group=hooks.ENTRY_POINT_GROUP)):
        other, by = points.setdefault(point.name, (point, provider))
        # One distribution seen twice on sys.path (an editable install) is not a conflict.
        if (other.value, by) != (point.value, provider):
            raise PluginError(
                f"Two installed distributions bring a plugin named {point.name!r}: "
                f"{by} and {provider}. Uninstall one of them."
            )
    return points


def _selected(points: dict[str, tuple[EntryPoint, Provider]]) -> list[tuple[EntryPoint, Provider]]:
    wanted = os.environ.get("FORGET_PLUGINS")
    if wanted is None:
        return [points[name] for name in sorted(points)]
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in points:
            raise UnknownNameError("plugin", name, points, hint="(asked for by FORGET_PLUGINS)")
    return [points[name] for name in names]


def _provided(points: Iterable[EntryPoint]) -> Iterator[tuple[EntryPoint, Provider]]:
    """Yield who brings each entry point; a distribution is read once, for that takes long."""
    read: dict[int, tuple[str, str]] = {}
    for point in points:
        if id(point.dist) not in read:
            read[id(point.dist)] = _read(point.dist)
        yield point, Provider(point.name, *read[id(point.dist)])


def _read(distribution: Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "unknown distribution", ""
    about = distribution.metadata
    return about["Name"], about["Version"]


def reason(error: BaseException) -> str:
    """Say in one line why a plugin is broken."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # of another project, whose errors may fail to say what they are
        text = "it does not say why"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
