"""Discovery of plugins: entry points only, broken ones kept apart, conflicts refused.

Every plugin, ours included, is an entry point of the group ``forget``. pluggy has three habits that
are handled here: an entry point that fails to import would kill the command, a second one of the
same name would silently be ignored, and a misspelt hook would never be called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar

import attrs
import pluggy

from forget import hooks
from forget.benchmark import Benchmark
from forget.catalogue import Catalogue, TeacherEntry
from forget.dataset import Dataset
from forget.errors import PluginError, UnknownNameError
from forget.method import Method
from forget.teacher import Teacher, TeacherKind

__all__ = ["Broken", "Kind", "Listing", "Plugins", "Provided", "Provider", "load_plugins"]

Kind = Literal["methods", "datasets", "teachers", "benchmarks"]
T = TypeVar("T")

_RECORDS: Mapping[Kind, tuple[type, ...]] = {
    "methods": (Method,),
    "datasets": (Dataset,),
    "teachers": (Teacher, TeacherKind),
    "benchmarks": (Benchmark,),
}


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
class Provided:
    """A record with its provider."""

    record: Any
    provider: Provider


@attrs.frozen
class Broken:
    """A plugin that cannot be used, and why."""

    provider: Provider
    reason: str


@attrs.frozen(kw_only=True)
class Listing:
    """One line of `forget list`.

    Attributes:
        name: The name on the command line.
        kind: ``method``, ``dataset``, ``teacher``, ``benchmark``, ``model`` or ``study``.
        status: Whether it can be used, waits for a plugin, or has one that fails.
        summary: One line.
        provider: Distribution and version that bring it; empty while pending.
        remedy: What to do where it is not installed.
        title: The name in tables.
    """

    name: str
    kind: str
    status: Literal["installed", "pending", "broken"]
    summary: str
    provider: str = ""
    remedy: str = ""
    title: str = ""


class Plugins:
    """The plugins of this environment and the records they bring."""

    def __init__(self, manager: pluggy.PluginManager, providers: Mapping[str, Provider]) -> None:
        self._manager = manager
        self._providers = dict(providers)
        self.broken: list[Broken] = []
        self._records: dict[Kind, dict[str, Provided]] = {}

    def all(self, kind: Kind) -> dict[str, Provided]:
        """Return the records of one kind by name.

        Raises:
            PluginError: Two plugins bring a record of the same name.
        """
        if kind not in self._records:
            self._records[kind] = self._collect(kind)
        return self._records[kind]

    def get(self, kind: Kind, name: str, catalogue: Catalogue) -> Provided:
        """Return one record.

        Raises:
            UnknownNameError: Neither a plugin nor the registry knows the name.
            PluginError: The registry knows it, but its plugin is not installed or is broken.
        """
        found = self.all(kind)
        if name in found:
            return found[name]
        word = kind[:-1]
        entry = getattr(catalogue, kind).get(name)
        broken = next((b for b in self.broken if b.provider.plugin == name), None)
        if broken is not None:
            raise PluginError(
                f"The {word} {name!r} cannot be used: its plugin ({broken.provider}) is broken: "
                f"{broken.reason}"
            )
        remedy = self.remedy(kind, name, catalogue)
        if remedy is not None:
            raise PluginError(
                f"The {word} {name!r} ({entry.title}) is pending: no installed plugin brings it. "
                f"To install it: {remedy}"
            )
        known = {*found, *getattr(catalogue, kind)}
        hint = f"`forget list {kind}` shows them all."
        for b in self.broken:  # whose records nobody can know
            hint += f" The plugin {b.provider.plugin!r} ({b.provider}) is broken: {b.reason}"
        raise UnknownNameError(word, name, known, hint=hint)

    def remedy(self, kind: Kind, name: str, catalogue: Catalogue) -> str | None:
        """Return what installs a record that is pending; None if it is not pending."""
        entry = getattr(catalogue, kind).get(name)
        broken = any(b.provider.plugin == name for b in self.broken)
        if entry is None or broken or name in self.all(kind):
            return None
        return entry.install or "see its documentation"

    def listing(self, kind: Kind, catalogue: Catalogue) -> list[Listing]:
        """List what is installed, pending and broken, in the registry's order, then by name."""
        found = self.all(kind)
        entries = getattr(catalogue, kind)
        lines = []
        broken = {b.provider.plugin: b for b in self.broken}
        for name in [*entries, *sorted(found.keys() - entries.keys())]:
            if name in found:
                lines.append(_installed(name, kind, found[name]))
            elif (runs := _kind_of(entries[name], found)) is not None:
                lines.append(_run_by(name, entries[name], runs))
            else:
                lines.append(_missing(name, kind, entries[name], broken.get(name)))
        return lines

    def _collect(self, kind: Kind) -> dict[str, Provided]:
        found: dict[str, Provided] = {}
        for name, plugin in self._manager.list_name_plugin():
            hook: Callable[[], Iterable[Any]] | None = getattr(plugin, f"forget_{kind}", None)
            if hook is None:
                continue
            provider = self._providers[name]
            try:
                records = list(hook())
                for record in records:
                    _check_record(record, kind)
            except Exception as error:
                self.broken.append(Broken(provider, _reason(error)))
                continue
            for record in records:
                if record.name in found:
                    raise PluginError(_conflict(kind[:-1], record.name, found, provider))
                found[record.name] = Provided(record, provider)
        return found


def load_plugins() -> Plugins:
    """Import every plugin of the entry-point group ``forget``.

    The environment variable ``FORGET_PLUGINS`` (``a,b``) loads a subset, for debugging.

    Raises:
        PluginError: Two distributions bring a plugin of the same name, a hook is misspelt, or
            ``FORGET_PLUGINS`` names a plugin that is not there.
    """
    manager = pluggy.PluginManager("forget")
    manager.add_hookspecs(hooks)
    providers: dict[str, Provider] = {}
    broken: list[Broken] = []
    for point in _selected(_discovered()):
        provider = _provider(point)
        try:
            module = point.load()
        except Exception as error:
            broken.append(Broken(provider, _reason(error)))
            continue
        manager.register(module, name=point.name)
        providers[point.name] = provider
    _refuse_misspelt_hooks(manager, providers)
    plugins = Plugins(manager, providers)
    plugins.broken.extend(broken)
    return plugins


def _discovered() -> dict[str, EntryPoint]:
    """Collect the entry points by name, refusing two of one name."""
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=hooks.ENTRY_POINT_GROUP):
        other = points.setdefault(point.name, point)
        # One distribution seen twice on sys.path (an editable install) is not a conflict.
        if (other.value, _provider(other)) != (point.value, _provider(point)):
            raise PluginError(
                f"Two installed distributions bring a plugin named {point.name!r}: "
                f"{_provider(other)} and {_provider(point)}. Uninstall one of them."
            )
    return points


def _selected(points: dict[str, EntryPoint]) -> list[EntryPoint]:
    wanted = os.environ.get("FORGET_PLUGINS")
    if wanted is None:
        return [points[name] for name in sorted(points)]
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in names:
        if name not in points:
            raise UnknownNameError("plugin", name, points, hint="(asked for by FORGET_PLUGINS)")
    return [points[name] for name in names]


def _provider(point: EntryPoint) -> Provider:
    if point.dist is None:
        return Provider(point.name, "unknown distribution", "")
    return Provider(point.name, point.dist.name, point.dist.version)


def _refuse_misspelt_hooks(
    manager: pluggy.PluginManager, providers: Mapping[str, Provider]
) -> None:
    for name, plugin in manager.list_name_plugin():
        for caller in manager.get_hookcallers(plugin) or ():
            if not caller.has_spec():
                raise PluginError(
                    f"The plugin {name!r} ({providers[name]}) implements a hook "
                    f"{caller.name!r} that does not exist. The hooks are "
                    f"{', '.join(hook for hook in hooks.__all__ if hook.startswith('forget_'))}."
                )


def _check_record(record: Any, kind: Kind) -> None:
    contracts = _RECORDS[kind]
    # A class has every attribute its objects have, so a forgotten pair of brackets would pass.
    if isinstance(record, type) or not isinstance(record, contracts):
        contract = contracts[0]
        members = {*contract.__annotations__, *vars(contract)}
        missing = sorted(m for m in members if m[0] != "_" and not hasattr(record, m))
        if isinstance(record, type):
            what = f"is the class {record.__name__}; yield an object of it, {record.__name__}()"
        else:
            what = f"lacks {', '.join(missing)}" if missing else f"is a {type(record).__name__}"
        raise PluginError(
            f"forget_{kind} yielded something that is no {contract.__name__}: it {what}."
        )


def _conflict(word: str, name: str, found: Mapping[str, Provided], provider: Provider) -> str:
    return (
        f"Two plugins bring a {word} named {name!r}: {found[name].provider.plugin!r} "
        f"({found[name].provider}) and {provider.plugin!r} ({provider}). Uninstall one of them."
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"


def _installed(name: str, kind: Kind, provided: Provided) -> Listing:
    return Listing(
        name=name,
        kind=kind[:-1],
        status="installed",
        summary=provided.record.summary,
        provider=str(provided.provider),
        title=provided.record.title,
    )


def _kind_of(entry: Any, found: Mapping[str, Provided]) -> Provided | None:
    """Return the installed kind of teachers that makes a teacher of a registry entry."""
    if not isinstance(entry, TeacherEntry) or entry.kind is None or entry.kind not in found:
        return None
    provided = found[entry.kind]
    return provided if isinstance(provided.record, TeacherKind) else None


def _run_by(name: str, entry: TeacherEntry, kind: Provided) -> Listing:
    return Listing(
        name=name,
        kind="teacher",
        status="installed",
        summary=entry.summary,
        provider=str(kind.provider),
        title=entry.title,
    )


def _missing(name: str, kind: Kind, entry: Any, broken: Broken | None) -> Listing:
    if broken is not None:
        return Listing(
            name=name,
            kind=kind[:-1],
            status="broken",
            summary=entry.summary,
            provider=str(broken.provider),
            remedy=broken.reason,
            title=entry.title,
        )
    return Listing(
        name=name,
        kind=kind[:-1],
        status="pending",
        summary=entry.summary,
        remedy=entry.install or _kind_remedy(entry),
        title=entry.title,
    )


def _kind_remedy(entry: Any) -> str:
    kind = getattr(entry, "kind", None)
    return f"install a plugin that brings the kind of teachers {kind!r}" if kind else ""
