"""The records that plugins bring: checked, conflicts refused, broken plugins kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import attrs

from forget.benchmark import Benchmark
from forget.catalogue import Catalogue, TeacherEntry
from forget.dataset import Dataset
from forget.deprecation import RenamedMember
from forget.discovery import FAULTS, Broken, Discovered, Loaded, Provider, discover, reason
from forget.errors import PluginError, UnknownNameError
from forget.method import Method
from forget.teacher import Teacher, TeacherKind

__all__ = [
    "Broken",
    "Kind",
    "Listing",
    "Loaded",
    "Plugins",
    "Provided",
    "Provider",
    "check_record",
    "load_plugins",
]

Kind = Literal["methods", "datasets", "teachers", "benchmarks"]

_RECORDS: Mapping[Kind, tuple[type, ...]] = {
    "methods": (Method,),
    "datasets": (Dataset,),
    "teachers": (Teacher, TeacherKind),
    "benchmarks": (Benchmark,),
}
_RENAMED: Mapping[Kind, Iterable[RenamedMember]] = {}
"""Members of these contracts that plugins may still have under their old names."""


@attrs.frozen
class Provided:
    """A record with its provider."""

    record: Any
    provider: Provider


@attrs.frozen(kw_only=True)
class Listing:
    """One line of `forget list`.

    Attributes:
        name: The name on the command line.
        kind: ``method``, ``dataset``, ``teacher``, ``benchmark``, ``model``, ``study`` or
            ``plugin``.
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

    def __init__(self, discovered: Discovered) -> None:
        self._manager = discovered.manager
        self.loaded: Mapping[str, Loaded] = discovered.loaded
        self.broken: list[Broken] = list(discovered.broken)
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
            provider = self.loaded[name].provider
            try:
                records = list(hook())
                for record in records:
                    _take_renamed(record, kind, provider)
                    check_record(record, kind)
            except FAULTS as error:
                self.broken.append(Broken(provider, reason(error)))
                continue
            for record in records:
                if record.name in found:
                    raise PluginError(_conflict(kind[:-1], record.name, found, provider))
                found[record.name] = Provided(record, provider)
        return found


def load_plugins() -> Plugins:
    """Import every plugin of the entry-point group ``forget``.

    Raises:
        PluginError: Two distributions bring a plugin of the same name.
        UnknownNameError: ``FORGET_PLUGINS`` names a plugin that is not there.
    """
    return Plugins(discover())


def _take_renamed(record: Any, kind: Kind, provider: Provider) -> None:
    for member in _RENAMED.get(kind, ()):
        member.take(record, f"a {kind[:-1]} of the plugin {provider.plugin!r} ({provider})")


def check_record(record: Any, kind: Kind) -> None:
    """Check that what a hook yields is a record of its kind.

    Raises:
        PluginError: What it lacks.
    """
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
    for member in ("name", "title", "summary"):
        value = getattr(record, member)
        if not isinstance(value, str) or not value:
            raise PluginError(
                f"forget_{kind} yielded a {kind[:-1]} whose {member} is no text, but {value!r}."
            )


def _conflict(word: str, name: str, found: Mapping[str, Provided], provider: Provider) -> str:
    return (
        f"Two plugins bring a {word} named {name!r}: {found[name].provider.plugin!r} "
        f"({found[name].provider}) and {provider.plugin!r} ({provider}). Uninstall one of them."
    )


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
