"""The registry listing: what plugins bring, what the catalogue knows, what is missing and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from forget.catalogue import Catalogue, ModelEntry
from forget.convert import to_plain
from forget.errors import UnknownNameError
from forget.inference.models import missing_package, wheel_files
from forget.plugins import Kind, Listing, Plugins
from forget.settings import describe
from forget.teacher import TeacherKind

__all__ = ["describe_name", "list_broken", "list_kind", "list_plugins"]

PLUGIN_KINDS: tuple[Kind, ...] = ("methods", "datasets", "teachers", "benchmarks")


def list_kind(kind: str, catalogue: Catalogue, plugins: Plugins) -> list[Listing]:
    """List one kind: ``methods`` ... ``studies``, ``plugins``."""
    if kind == "plugins":
        return list_plugins(plugins)
    if kind == "models":
        return [_model(name, entry) for name, entry in catalogue.models.items()]
    if kind == "studies":
        return [_study(name, catalogue, plugins) for name in catalogue.studies]
    plugin_kind = next(known for known in PLUGIN_KINDS if known == kind)
    lines = plugins.listing(plugin_kind, catalogue)
    return [_teacher(line, catalogue) for line in lines] if kind == "teachers" else lines


def _teacher(line: Listing, catalogue: Catalogue) -> Listing:
    """A teacher whose model's package is not installed waits for that."""
    entry = catalogue.teachers.get(line.name)
    model = catalogue.models.get(entry.model) if entry is not None and entry.model else None
    package = missing_package(model) if model is not None else None
    if line.status != "installed" or package is None:
        return line
    return attrs.evolve(line, status="pending", provider="", remedy=package)


def list_plugins(plugins: Plugins) -> list[Listing]:
    """List the plugins: what they bring, and the version of the contract they are written for."""
    brought: dict[str, dict[str, list[str]]] = {name: {} for name in plugins.loaded}
    for kind in PLUGIN_KINDS:
        for name, provided in plugins.all(kind).items():
            brought[provided.provider.plugin].setdefault(kind, []).append(name)
    broken = list_broken(plugins)
    unusable = {line.name for line in broken}
    return [
        Listing(
            name=name,
            kind="plugin",
            status="installed",
            summary=_brings(brought[name], loaded.api_version),
            provider=str(loaded.provider),
            title=name,
        )
        for name, loaded in plugins.loaded.items()
        if name not in unusable  # what one of its hooks gave may have been refused
    ] + broken


def _brings(records: Mapping[str, Sequence[str]], api_version: str) -> str:
    parts = [f"{kind}: {', '.join(names)}" for kind, names in records.items()]
    return f"{'; '.join(parts) or 'nothing'} (plugin API {api_version})"


def list_broken(plugins: Plugins) -> list[Listing]:
    """List the plugins that cannot be used: what records they would bring, nobody can know."""
    return [
        Listing(
            name=broken.provider.plugin,
            kind="plugin",
            status="broken",
            summary="",
            provider=str(broken.provider),
            remedy=broken.reason,
        )
        for broken in plugins.broken
    ]


def describe_name(name: str, catalogue: Catalogue, plugins: Plugins) -> list[dict[str, Any]]:
    """Return everything known under a name, one object for each kind that has it.

    Raises:
        UnknownNameError: Nothing has that name.
    """
    found = []
    everything: set[str] = set()
    for kind in (*PLUGIN_KINDS, "models", "studies"):
        lines = list_kind(kind, catalogue, plugins)
        everything |= {line.name for line in lines}
        found += [
            {**to_plain(line), **_details(kind, name, catalogue, plugins)}
            for line in lines
            if line.name == name
        ]
    if name in catalogue.suites:
        found.append({"name": name, "kind": "suite", **to_plain(catalogue.suites[name])})
    if not found:
        raise UnknownNameError(
            "method, dataset, teacher, benchmark, model, suite or study",
            name,
            everything | catalogue.suites.keys(),
        )
    return found


def _details(kind: str, name: str, catalogue: Catalogue, plugins: Plugins) -> dict[str, Any]:
    entry = getattr(catalogue, kind).get(name)
    details: dict[str, Any] = {"registry": to_plain(entry)} if entry is not None else {}
    plugin_kind = next((known for known in PLUGIN_KINDS if known == kind), None)
    provided = plugins.all(plugin_kind).get(name) if plugin_kind else None
    if provided is None:
        return details
    details["plugin"] = provided.provider.plugin
    details["plugin_api"] = plugins.loaded[provided.provider.plugin].api_version
    if kind == "methods":
        details["paper"] = provided.record.paper
        details["needs"] = to_plain(provided.record.needs)
    elif kind == "benchmarks":
        details["benchmark"] = to_plain(provided.record)
    if kind == "methods" or isinstance(provided.record, TeacherKind):
        details["settings"] = [info._asdict() for info in describe(provided.record.settings)]
    return details


def _model(name: str, entry: ModelEntry) -> Listing:
    """A model is installed if it is on this machine or can be fetched from the Hub when used."""
    in_wheel = entry.wheel is not None and bool(wheel_files(entry.wheel))
    installed = in_wheel or entry.hub is not None
    provider = entry.wheel.package if entry.wheel and in_wheel else entry.hub or ""
    return Listing(
        name=name,
        kind="model",
        status="installed" if installed else "pending",
        summary=entry.summary,
        provider=provider,
        remedy="" if in_wheel or entry.wheel is None else entry.wheel.install,
        title=entry.title,
    )


def _study(name: str, catalogue: Catalogue, plugins: Plugins) -> Listing:
    study = catalogue.studies[name]
    pending = [method for method in study.methods if method not in plugins.all("methods")]
    return Listing(
        name=name,
        kind="study",
        status="installed",
        summary=study.summary,
        provider="registry.toml",
        remedy=f"pending methods: {', '.join(pending)}" if pending else "",
        title=name,
    )
