"""Fills a data mirror from the Hugging Face Hub, file by file; what is there is left alone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import attrs

from forget.benchmark import Benchmark
from forget.dataset import Dataset, Source
from forget.errors import DataError, WorkError
from forget.evaluation.taskfiles import task_definition
from forget.inventory.sources import reads_of
from forget.mirror import check_parquet, hub_dataset
from forget.progress import Progress
from forget.store.atomic import staged_file, staged_folder

__all__ = ["Fetched", "Wanted", "fetch", "wanted"]


class Wanted(NamedTuple):
    """A file of a mirror and where it comes from.

    Attributes:
        name: The dataset or benchmark it is for.
        file: Its path below the mirror.
        source: Its dataset on the Hub; None for NLTK data.
        split: Which of the source's splits.
    """

    name: str
    file: str
    source: Source | None
    split: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        if self.source is None:
            return "NLTK"
        config = self.source.config
        configs = config if isinstance(config, tuple) else (config,) if config else ()
        return ", ".join([self.source.hub, *configs[:1], *(["..."] if configs[1:] else [])])


@attrs.frozen(kw_only=True)
class Fetched:
    """What became of a wanted file.

    Attributes:
        name: The dataset or benchmark it is for.
        file: Its path below the mirror.
        origin: Where it comes from.
        state: ``written``; ``kept`` (it was there); ``failed``.
        rows: How many rows it has; None for NLTK data and what failed.
        bytes: Its size.
        problem: Why it failed, or what is odd about what was kept.
    """

    name: str
    file: str
    origin: str
    state: Literal["written", "kept", "failed"]
    rows: int | None = None
    bytes: int = 0
    problem: str = ""


def wanted(datasets: Sequence[Dataset], benchmarks: Sequence[Benchmark]) -> list[Wanted]:
    """List the files that datasets and benchmarks read from a mirror, each once.

    Raises:
        DataError: A benchmark's task file cannot be read.
    """
    found: dict[str, Wanted] = {}
    for dataset in datasets:
        for source, splits in reads_of(dataset).sources:
            for split in splits:
                file = f"{source.mirror}/{split}.parquet"
                found.setdefault(file, Wanted(dataset.name, file, source, split))
    for benchmark in benchmarks:
        for item in _of_benchmark(benchmark):
            found.setdefault(item.file, item)
    return list(found.values())


def fetch(items: Sequence[Wanted], root: Path, force: bool, progress: Progress) -> list[Fetched]:
    """Write the files that a mirror lacks, each at once or not at all.

    Args:
        items: The files.
        root: The mirror; made if it is not there.
        force: Write those again that are there.
        progress: Where to report.

    Raises:
        WorkError: The Hub cannot be reached; what was written before is kept.
        StorageError: The disk is full.
    """
    found: list[Fetched] = []
    with progress.task("fetching", len(items)) as advance:
        for item in items:
            kept = None if force else _kept(item, root)
            found.append(kept or _fetched(item, root, found))
            advance(1)
    return found


def _of_benchmark(benchmark: Benchmark) -> Iterator[Wanted]:
    for task in benchmark.tasks:
        if not task.mirror:  # it makes its documents
            continue
        definition = task_definition(task.path)
        for split, file in task.mirror.items():
            source = Source(
                hub=definition.hub,
                config=definition.config,
                mirror=str(Path(file).parent),
                splits={split: split},
                revision=definition.revision,
            )
            yield Wanted(benchmark.name, file, source, split)
    for needed in benchmark.nltk:
        yield Wanted(benchmark.name, f"nltk_data/{needed}", None)


def _kept(item: Wanted, root: Path) -> Fetched | None:
    """Return what is there already and can be read; None if it has to be fetched."""
    path = root / item.file
    common: dict[str, Any] = {"name": item.name, "file": item.file, "origin": item.origin}
    if item.source is None:
        whole = path.is_dir() and any(path.iterdir())
        return Fetched(state="kept", **common) if whole else None
    try:
        rows = check_parquet(path, item.file)
    except DataError:  # missing, or damaged: a new one takes its place
        return None
    expected = item.source.rows.get(item.split)
    problem = ""
    if expected is not None and rows != expected:
        problem = f"{rows:,} rows where {expected:,} are published; --force fetches it again"
    size = path.stat().st_size
    return Fetched(state="kept", rows=rows, bytes=size, problem=problem, **common)


def _fetched(item: Wanted, root: Path, before: Sequence[Fetched]) -> Fetched:
    path = root / item.file
    common: dict[str, Any] = {"name": item.name, "file": item.file, "origin": item.origin}
    try:
        if item.source is None:
            _write_nltk(item.file, path)
            return Fetched(state="written", **common)
        rows = _write_split(item.source, item.split, path)
    except DataError as error:
        if isinstance(error.__cause__, ConnectionError):
            raise WorkError(_no_network(root, before, error.__cause__)) from error
        return Fetched(state="failed", problem=str(error), **common)
    return Fetched(state="written", rows=rows, bytes=path.stat().st_size, **common)


def _write_split(source: Source, split: str, path: Path) -> int:
    """Write one split in the Hub's own schema and return its rows, counted by reading it again."""
    rows = hub_dataset(source, split)
    with staged_file(path) as partial:
        rows.to_parquet(str(partial))
        written = check_parquet(partial, path.name)
        expected = source.rows.get(split, len(rows))
        if written != expected:
            raise DataError(
                f"The {split} split of {source.hub} has {written:,} rows on the Hub, and it should "
                f"have {expected:,}. Was the dataset changed there? Name the revision that is "
                "meant in its Source."
            )
    return written


def _write_nltk(file: str, path: Path) -> None:
    """Fetch one package of NLTK's data by NLTK's own downloader."""
    import nltk

    # NLTK refuses folders that others may write; a temporary one belongs to its user.
    with tempfile.TemporaryDirectory() as temporary:
        try:
            nltk.download(path.name, download_dir=temporary, quiet=True, raise_on_error=True)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"NLTK's {path.name} could not be fetched ({reason}). On a machine with a network: "
                f"python -m nltk.downloader -d nltk_data {path.name}"
            ) from error
        unpacked = Path(temporary) / Path(file).relative_to("nltk_data")
        archive = unpacked.with_name(f"{unpacked.name}.zip")
        if not unpacked.is_dir() and archive.is_file():  # NLTK leaves it packed in a home folder
            shutil.unpack_archive(archive, unpacked.parent)
        if not unpacked.is_dir():
            raise DataError(f"NLTK's downloader has not made {file}.")
        with staged_folder(path) as staging:
            # Contents alone: what NLTK downloads may be read by nobody else.
            shutil.copytree(unpacked, staging, copy_function=shutil.copyfile, dirs_exist_ok=True)


def _no_network(root: Path, before: Sequence[Fetched], error: BaseException) -> str:
    written = sum(item.state == "written" for item in before)
    reason = " ".join(str(error).split())[:150].rstrip(".")
    done = f"{written} file(s) were written before" if written else "nothing was written"
    return (
        f"The Hugging Face Hub cannot be reached ({reason}); {done}. Run the same command on a "
        f"machine with a network, a login node for instance: it leaves alone what is in {root} "
        "and fetches the rest. Or copy a mirror from there."
    )
