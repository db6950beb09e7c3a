"""Reads all data through and says what of it is damaged; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import attrs

from forget.benchmark import Benchmark
from forget.dataset import Dataset
from forget.errors import DataError, UnknownNameError
from forget.inventory.prepared import data_folders
from forget.inventory.sources import reads_of
from forget.inventory.stores import store_folders
from forget.mirror import Mirror, check_parquet
from forget.progress import Progress
from forget.store.manifest import fault, read_manifest
from forget.training.trajectories.store import LINES, read_about, read_contents

__all__ = ["Audited", "Check", "audit"]


@attrs.frozen(kw_only=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: The thing: a file, a benchmark, a folder.
        kind: ``source``, ``benchmark``, ``prepared data`` or ``completions``.
        path: Where it is.
        rows: How many rows were read.
        state: ``intact``, ``damaged``, ``unfinished`` (whole as far as it goes), ``absent``.
        problem: What is wrong.
        remedy: What to do about it.
    """

    name: str
    kind: str
    path: Path
    state: Literal["intact", "damaged", "unfinished", "absent"] = "intact"
    rows: int | None = None
    problem: str = ""
    remedy: str = ""


class Audited(NamedTuple):
    """Where to look.

    Attributes:
        datasets: The installed datasets by name.
        benchmarks: The installed benchmarks by name.
        mirror: The data mirror; without one, sources and benchmarks are left out.
        out: The output folder.
    """

    datasets: Mapping[str, Dataset]
    benchmarks: Mapping[str, Benchmark]
    mirror: Mirror
    out: Path


_Step = tuple[set[str], Callable[[], Check]]
"""The names something goes by, and its check."""


def audit(names: Sequence[str], where: Audited, progress: Progress) -> list[Check]:
    """Read things through.

    Args:
        names: Datasets, benchmarks, or folders at or above what is meant; empty for everything.
        where: Where to look.
        progress: Where to report.

    Raises:
        UnknownNameError: There is nothing of a name.
        DataError: The mirror's folder is not there.
    """
    where.mirror.check()
    steps = list(_steps(where))
    keys = {name: _key(name, where) for name in names}
    chosen = [step for step in steps if not names or step[0] & set(keys.values())]
    named = {*where.datasets, *where.benchmarks}
    for name, key in keys.items():
        # A dataset that is generated has nothing to read, and is no mistake.
        if name not in named and not any(key in step[0] for step in steps):
            raise UnknownNameError("dataset, benchmark or folder of data", name, named)
    found = []
    with progress.task("reading through", len(chosen)) as advance:
        for _, check in chosen:
            found.append(check())
            advance(1)
    # What nobody asked for and is not there is no news.
    return [check for check in found if names or check.state != "absent"]


def _key(name: str, where: Audited) -> str:
    """Return what a name is looked up by: itself, or the absolute path of a folder."""
    if name in where.datasets or name in where.benchmarks:
        return name
    for path in (Path(name), where.out / name):
        if os.path.exists(path):  # noqa: PTH110 - Path.exists() raises for a name that is too long
            return str(path.resolve())
    return name


def _steps(where: Audited) -> Iterator[_Step]:
    root = where.mirror.root
    if root is not None:
        for name, dataset in where.datasets.items():
            for source, splits in reads_of(dataset).sources:
                for split in splits:
                    path = root / source.mirror / f"{split}.parquet"
                    expected = source.rows.get(split)
                    check = _bound(_source, name, dataset, split, path, expected, where)
                    yield {name, *_above(path)}, check
        for name, benchmark in where.benchmarks.items():
            files = [root / path for file in benchmark.tasks for path in file.mirror.values()]
            if files:
                yield {name, *_above(files[0])}, _bound(_benchmark, benchmark, where.mirror)
    for folder in data_folders(where.out):
        yield {folder.parents[2].name, *_above(folder)}, _bound(_prepared, folder, where.out)
    for folder in store_folders(where.out):
        yield {folder.parent.name, *_above(folder)}, _bound(_store, folder, where.out)


def _bound(check: Callable[..., Check], *arguments: object) -> Callable[[], Check]:
    return lambda: check(*arguments)


def _above(path: Path) -> set[str]:
    resolved = path.resolve()
    return {str(folder) for folder in (resolved, *resolved.parents)}


def _source(
    name: str, dataset: Dataset, split: str, path: Path, expected: int | None, where: Audited
) -> Check:
    label = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        return Check(
            name=label, kind="source", path=path, state="absent", remedy=_fetch(name, where.mirror)
        )
    rows, problem = None, ""
    try:
        rows = check_parquet(path, label)
        if expected is not None and rows != expected:
            problem = f"{rows:,} rows, but {expected:,} are published"
        else:  # its own checks of every row; a split of another name is what is held out
            dataset.load("train" if split == "train" else "test", where.mirror)
    except DataError as error:
        problem = _short(error)
    except Exception as error:  # a plugin's code, on rows that are not what it expects
        problem = f"the dataset cannot read it ({type(error).__name__}: {error})"
    # What cannot be read is fetched again unasked; what can, is replaced only by force.
    remedy = _fetch(name, where.mirror, again=rows is not None)
    return _judged(Check(name=label, kind="source", path=path, rows=rows), problem, remedy)


def _benchmark(benchmark: Benchmark, mirror: Mirror) -> Check:
    root = mirror.root
    assert root is not None  # callers have dealt with the Hub
    files = [root / path for file in benchmark.tasks for path in file.mirror.values()]
    folder = root / Path(next(iter(benchmark.tasks[0].mirror.values()))).parent
    remedy = _fetch(benchmark.name, mirror)
    if not any(path.is_file() for path in files):
        return Check(
            name=benchmark.name, kind="benchmark", path=folder, state="absent", remedy=remedy
        )
    rows, problem = None, ""
    try:
        rows = _scored_rows(benchmark, mirror)
        mirror.check_nltk(benchmark.nltk, benchmark.name)
    except DataError as error:
        problem = _short(error)
    if rows is not None and rows < benchmark.items:
        problem = f"{rows:,} items, but it has {benchmark.items:,}"
        remedy = _fetch(benchmark.name, mirror, again=True)
    found = Check(name=benchmark.name, kind="benchmark", path=folder, rows=rows)
    return _judged(found, problem, remedy)


def _scored_rows(benchmark: Benchmark, mirror: Mirror) -> int:
    """Read all files of a benchmark and count the rows of the splits that are scored."""
    from forget.evaluation.taskfiles import task_definition

    rows = 0
    for file in benchmark.tasks:
        scored = task_definition(file.path).scored
        for split, relative in file.mirror.items():
            found = check_parquet(mirror.file(relative, f"lm-eval's {file.name}"), file.name)
            rows += found if split == scored else 0
    return rows


def _prepared(folder: Path, out: Path) -> Check:
    from forget.training.examples import DATA_FILE, content_digest, read_examples

    name = folder.relative_to(out).as_posix()
    problem = fault(folder, digests=True)
    rows = None
    manifest = read_manifest(folder)
    if problem is None and manifest is not None:
        try:
            if DATA_FILE in manifest.files:
                rows = check_parquet(folder / DATA_FILE, DATA_FILE)
            if rows != manifest.details.get("rows"):
                problem = f"{rows} rows, but its manifest says {manifest.details.get('rows')}"
            elif "completion_tokens" in manifest.details:
                digest = content_digest(read_examples(folder))
                if digest != manifest.details.get("digest"):
                    problem = "its examples do not have the digest in its manifest"
        except DataError as error:
            problem = _short(error)
    found = Check(name=name, kind="prepared data", path=folder, rows=rows)
    return _judged(found, problem, "Delete the folder and run the command of its run again")


def _store(folder: Path, out: Path) -> Check:
    contents = read_contents(folder)
    rows = len(contents.completions)
    problem = ""
    try:
        expected = read_about(folder).expected
    except DataError as error:
        expected, problem = None, _short(error)
    if contents.damaged:
        first = contents.damaged[0]
        problem = f"{len(contents.damaged):,} damaged line(s) of {LINES}, the first is {first:,}"
    unfinished = expected is not None and rows < expected
    note = f"{rows:,} of {expected:,}" if unfinished else ""
    if contents.cut:
        note = f"{note}; its last line was cut and is asked again".lstrip("; ")
    found = Check(
        name=folder.relative_to(out).as_posix(),
        kind="completions",
        path=folder,
        rows=rows,
        state="unfinished" if unfinished else "intact",
        problem=note,
    )
    remedy = "Run a command that uses it again: what is damaged is asked anew"
    return _judged(found, problem, remedy)


def _judged(found: Check, problem: str | None, remedy: str) -> Check:
    """Return a check as damaged if there is a problem."""
    if not problem:
        return found
    return attrs.evolve(found, state="damaged", problem=problem, remedy=remedy)


def _fetch(name: str, mirror: Mirror, *, again: bool = False) -> str:
    command = f"forget data fetch {name} --data {mirror.root}"
    return f"Fetch it again: {command} --force" if again else f"Fetch it: {command}"


def _short(error: DataError) -> str:
    """Return the first sentence of a message: what to do stands beside it."""
    text = str(error).partition(". ")[0].rstrip(".")
    if text.count("(") > text.count(")"):  # the detail in brackets had a full stop
        text = text.rpartition(" (")[0]
    return text
