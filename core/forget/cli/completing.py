"""What a shell offers where a name is to be typed: methods, benchmarks, settings, runs.

click asks for it while a command line is half typed, so nothing here is slow, nothing is loaded
that a name does not need, and whatever is wrong (a registry that cannot be read, say) offers
nothing: the command says what it is when it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click import Context, Parameter
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from forget.catalogue import Catalogue

__all__ = ["Complete", "complete_names", "complete_runs", "complete_setting"]

Complete = Callable[[Context, Parameter, str], list[CompletionItem]]
Offers = Iterable[tuple[str, str]]
"""What may be typed, and what it is."""

_OF_PLUGINS = ("methods", "datasets", "teachers", "benchmarks")


def complete_names(*kinds: str, several: bool = False) -> Complete:
    """Return what offers the names of some kinds of the registry.

    Args:
        kinds: ``methods`` ... ``studies``, ``suites``.
        several: Names may follow one another, by commas.
    """

    def complete(context: Context, _: Parameter, typed: str) -> list[CompletionItem]:
        before, comma, _last = typed.rpartition(",") if several else ("", "", typed)
        given = before.split(",")
        offers = (offer for offer in _names(kinds, context) if offer[0] not in given)
        return _fitting(((f"{before}{comma}{name}", about) for name, about in offers), typed)

    return complete


def complete_setting(context: Context, _: Parameter, typed: str) -> list[CompletionItem]:
    """Offer ``NAME=`` for each setting of the method that was named, then its values."""
    name, equals, _value = typed.partition("=")
    with suppress(Exception):
        settings = {info.name: info for info in _settings(context)}
        if not equals:
            return _fitting(((f"{known}=", info.help) for known, info in settings.items()), typed)
        values = settings[name.replace("-", "_")].type.removeprefix("list of ").split(" | ")
        if len(values) > 1:
            return _fitting(((f"{name}={value}", "") for value in values), typed)
    return []


def complete_runs(context: Context, _: Parameter, typed: str) -> list[CompletionItem]:
    """Offer the run directories below the output folder, and the models of one; else files."""
    from forget.store.layout import Workspace

    out = Path(context.params.get("out") or ".")
    run, colon, _model = typed.rpartition(":")
    offers = (
        [(f"{run}:{name}", "") for name in _models(Path(run))]
        if colon
        else [
            (str(out / found.path.relative_to(out.absolute())), "")
            for found in Workspace(out.absolute()).runs_begun()
        ]
    )
    return _fitting(offers, typed) or [CompletionItem(typed, type="file")]


def _fitting(offers: Offers, typed: str) -> list[CompletionItem]:
    """Return what begins as it is typed; a shell takes one line each, in an encoding."""
    return [
        CompletionItem(text, help=about)
        for text, about in offers
        if text.startswith(typed) and text.isprintable()
    ]


def _names(kinds: Iterable[str], context: Context) -> Iterator[tuple[str, str]]:
    """Yield the names of the registry, and of plugins that it does not know."""
    with suppress(Exception):
        catalogue = _catalogue(context)
        for kind in kinds:
            known = getattr(catalogue, kind)
            yield from ((name, entry.summary) for name, entry in known.items())
            if kind in _OF_PLUGINS:
                yield from _brought(kind, known)


def _brought(kind: Any, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    from forget.plugins import load_plugins

    for name, found in load_plugins().all(kind).items():
        if name not in known:
            yield name, getattr(found.record, "summary", "")


def _settings(context: Context) -> Any:
    from forget.method import TrainingSettings
    from forget.plugins import load_plugins
    from forget.settings import describe

    method = context.params.get("method")
    found = load_plugins().all("methods").get(method) if method else None
    return describe(TrainingSettings if found is None else found.record.settings)


def _models(run: Path) -> list[str]:
    from forget.evaluation.record import recorded_digests
    from forget.store.layout import RunFolder

    return ["base", *recorded_digests(RunFolder(run).sweep)]


def _catalogue(context: Context) -> Catalogue:
    from forget.catalogue import load_catalogue

    return load_catalogue(tuple(context.params.get("registries") or ()))
