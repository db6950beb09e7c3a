"""Where rows come from: a data mirror (a folder of parquet files) or the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from forget.dataset import Source
from forget.errors import DataError

__all__ = ["Mirror", "check_parquet", "chosen_mirror", "count_rows", "hub_dataset"]

T = TypeVar("T")

FETCH_HINT = (
    "`forget data fetch` gets it from the Hugging Face Hub; or name another mirror with --data or "
    "FORGET_DATA."
)

MAX_LISTED = 20
"""Most names that a message lists."""


@attrs.frozen(kw_only=True)
class Mirror:
    """Rows and files from a data mirror; without a `root`, rows from the Hub.

    Attributes:
        root: The mirror's folder, which holds ``<name>/<split>.parquet`` in the Hub's own schema.
    """

    root: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))

    def rows(self, source: Source, split: str) -> list[dict[str, Any]]:
        """Return the rows of one split in the Hub's own schema.

        Raises:
            DataError: The split is missing, its file is corrupt, or the Hub cannot be reached.
        """
        if self.root is None:
            return _hub_rows(source, split)
        path = self._split_file(source, split)
        table = _read_parquet(path, f"The {split} split of {source.mirror}")
        return cast("list[dict[str, Any]]", table.to_pylist())

    def file(self, relative: str, what: str) -> Path:
        """Return an existing file of the mirror.

        Args:
            relative: Path below the root.
            what: What the file is for, as the subject of an error message.

        Raises:
            DataError: There is no mirror, or the file is not in it; the message lists what is.
        """
        if self.root is None:
            raise DataError(
                f"{what} is read from a data mirror ({relative}), and none was given. "
                "Name its folder with --data or FORGET_DATA."
            )
        path = self._existing_root() / relative
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise DataError(f"{what} is not below the data mirror {self.root}: {relative}.")
        if path.is_file():
            return path
        folder = next(parent for parent in path.parents if parent.is_dir())
        raise DataError(
            f"{what} is missing: there is no file {path}. {folder} has {_listing(folder)}. "
            f"{FETCH_HINT}"
        )

    def check(self) -> None:
        """Check that the mirror's folder is there; the Hub is not asked.

        Raises:
            DataError: It is not.
        """
        if self.root is not None:
            self._existing_root()

    @property
    def nltk_data(self) -> Path | None:
        """The mirror's NLTK data, which IFEval needs; None if it has none."""
        if self.root is None or not (self.root / "nltk_data").is_dir():
            return None
        return self.root / "nltk_data"

    def check_nltk(self, needed: Sequence[str], what: str) -> None:
        """Check that a machine without a network has the NLTK data that a metric needs.

        Without a mirror nothing is checked: NLTK fetches what is missing.

        Args:
            needed: Paths below an NLTK data folder: ``tokenizers/punkt_tab``.
            what: Who needs them, for the message.

        Raises:
            DataError: Neither the mirror nor the usual folders have one of them.
        """
        if self.root is None:
            return
        for path in needed:
            if self.nltk_folder(path) is None:
                raise DataError(
                    f"{what} needs NLTK's {Path(path).name}, and neither {self.root / 'nltk_data'} "
                    f"nor NLTK's usual folders have {path}. Copy it there from a machine with a "
                    f"network: python -m nltk.downloader -d nltk_data {Path(path).name}"
                )

    def nltk_folder(self, path: str) -> Path | None:
        """Return the folder that has a piece of NLTK data: the mirror's, else a usual one."""
        folders = [*([self.nltk_data] if self.nltk_data else []), *_nltk_folders()]
        found = (f for f in folders if (f / path).exists() or (f / f"{path}.zip").exists())
        return next(found, None)

    def identity(self, source: Source, split: str) -> str:
        """Return what tells two versions of a split apart.

        The SHA-256 of the mirror's file, or ``hub:<id>@<revision>`` for the Hub.

        Raises:
            DataError: The split is not in the mirror.
        """
        if self.root is None:
            return f"hub:{source.hub}@{source.revision or 'main'}"
        return _digest(self._split_file(source, split))

    def file_identity(self, relative: str, what: str) -> str:
        """Return what tells two versions of a file apart: its SHA-256, or ``hub`` without a mirror.

        Raises:
            DataError: The file is not in the mirror.
        """
        return "hub" if self.root is None else _digest(self.file(relative, what))

    def _existing_root(self) -> Path:
        assert self.root is not None  # callers have dealt with the Hub
        if self.root.is_dir():
            return self.root
        problem = "is not a folder" if self.root.exists() else "does not exist"
        raise DataError(
            f"The data mirror {self.root} {problem}. Name another one with --data or FORGET_DATA, "
            "or leave the option out to use the Hugging Face Hub."
        )

    def _split_file(self, source: Source, split: str) -> Path:
        root = self._existing_root()
        folder = root / source.mirror
        path = folder / f"{split}.parquet"
        if path.is_file():
            return path
        if not folder.is_dir():
            raise DataError(
                f"The data mirror has no folder {folder} (Hugging Face: {source.hub}). {root} has "
                f"{_listing(root)}. {FETCH_HINT}"
            )
        raise DataError(
            f"The data mirror has no split {split!r} in {folder} (Hugging Face: {source.hub}). "
            f"It has {_listing(folder)}. {FETCH_HINT}"
        )


def chosen_mirror(data: Path | None) -> Mirror:
    """Return the mirror that was asked for: `data`, else ``FORGET_DATA``, else the Hub."""
    named = os.environ.get("FORGET_DATA")
    root = data or (Path(named) if named else None)
    return Mirror(root=root.absolute() if root else None)


def _nltk_folders() -> list[Path]:
    """List where NLTK looks on POSIX systems (``nltk.data.path``), without importing it."""
    named = os.environ.get("NLTK_DATA", "").split(os.pathsep)
    prefix = Path(sys.prefix)
    return [
        *(Path(folder) for folder in named if folder),
        Path.home() / "nltk_data",
        *(prefix / below / "nltk_data" for below in ("", "share", "lib")),
        *(Path(system) / "nltk_data" for system in ("/usr/share", "/usr/local/share")),
        *(Path(system) / "nltk_data" for system in ("/usr/lib", "/usr/local/lib")),
    ]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def check_parquet(path: Path, what: str) -> int:
    """Read a parquet file through, page by page, and return its number of rows.

    Damage shows where a page does not decompress or decode, text is no UTF-8, or a checksum is
    wrong. Files are often written without checksums; there only `Mirror.identity` tells a changed
    value from the published one.

    Args:
        path: The file.
        what: What the file is, as the subject of an error message.

    Raises:
        DataError: The file is missing, truncated or corrupt.
    """

    def count() -> int:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            rows = 0
            for batch in file.iter_batches():
                # Pages without checksums decode to anything; text that is no text shows here.
                batch.validate(full=True)
                rows += batch.num_rows
            return rows

    return _guarded(count, path, what)


def count_rows(path: Path, what: str) -> int:
    """Return the number of rows that a parquet file's footer gives; the rows are not read.

    Raises:
        DataError: The file is missing, or has no footer that can be read.
    """

    def count() -> int:
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)

    return _guarded(count, path, what)


def _read_parquet(path: Path, what: str) -> Any:
    def read() -> Any:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        table.validate(full=True)
        return table

    return _guarded(read, path, what)


def _guarded(action: Callable[[], T], path: Path, what: str) -> T:
    """Run an action that reads a parquet file; its failures name the file."""
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"{what} is missing: there is no file {path}. {FETCH_HINT}")
    try:
        return action()
    # pyarrow's errors derive from ValueError, OSError, NotImplementedError, KeyError and Exception.
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        detail = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(
            f"{what} cannot be read: {path} ({path.stat().st_size:,} bytes) is truncated, corrupt "
            f"or not parquet ({detail}). Delete it and get it again: `forget data fetch`."
        ) from error


def _hub_rows(source: Source, split: str) -> list[dict[str, Any]]:
    rows = hub_dataset(source, split)
    return [dict(row) for row in rows]


def hub_dataset(source: Source, split: str) -> Any:
    """Return one split as the `datasets.Dataset` of the Hub, or of its cache on this machine.

    Several configurations, where a source has them, follow one another, with a column `config`.

    Raises:
        DataError: The split is not there, or the Hub cannot be reached; the cause is the error of
            `datasets`.
    """
    if split not in source.splits:
        raise DataError(
            f"{source.hub} has no split {split!r}; it has {', '.join(sorted(source.splits))}."
        )
    from datasets import load_dataset

    configs = source.config if isinstance(source.config, tuple) else (source.config,)
    name = source.splits[split]
    try:
        parts = [
            load_dataset(source.hub, config, split=name, revision=source.revision)
            for config in configs
        ]
        if not isinstance(source.config, tuple):
            return parts[0]
        from datasets import concatenate_datasets

        return concatenate_datasets(
            [
                part.add_column("config", [config] * len(part))
                for part, config in zip(parts, configs, strict=True)
            ]
        )
    # Libraries below `datasets` (HTTP, Arrow, file locks) raise errors without a common base.
    except Exception as error:
        detail = " ".join(str(error).split())[:200].rstrip(".")
        offline = any(os.environ.get(name) for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
        why = "; the environment says offline" if offline else ""
        raise DataError(
            f"The {split} split of {source.hub} could not be read from the Hugging Face Hub{why} "
            f"({type(error).__name__}: {detail}). Without a network, name a data mirror with "
            "--data or FORGET_DATA."
        ) from error


def _listing(folder: Path) -> str:
    """Name what a folder holds: splits without their suffix, folders with a slash."""
    names = sorted(
        entry.name + "/" if entry.is_dir() else entry.name.removesuffix(".parquet")
        for entry in folder.iterdir()
        if not entry.name.startswith(".")
    )
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return (", ".join(names[:MAX_LISTED]) or "nothing") + more
