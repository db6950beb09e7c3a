"""Which files of a folder are lm-eval's, and which of them belong together.

lm-eval 0.4.3 and later write ``results_<date>.json`` and ``samples_<task>_<date>.jsonl`` into a
folder named after the model; 0.4.0 to 0.4.2 wrote ``results.json`` and ``<model>_<task>.jsonl``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import DataError

__all__ = ["AGAIN", "TaskFiles", "find_tasks", "is_foreign", "read_samples"]

AGAIN = "Evaluate again with lm-eval 0.4.3 or later and --log_samples."

_DATED = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl?$")
_UNDATED = "results.json"


_TABLES = {
    "results": True,
    "configs": True,
    "higher_is_better": True,
    "n-samples": True,
    "versions": False,
    "n-shot": False,
    "config": False,
}
"""Keys of a results file that hold tables, and whether of tables."""


class TaskFiles(NamedTuple):
    """What there is of one task of lm-eval's.

    Attributes:
        task: The task's name.
        results: The content of the results file.
        source: The results file.
        samples: The file of its samples; None if they were not logged.
    """

    task: str
    results: Mapping[str, Any]
    source: Path
    samples: Path | None


def is_foreign(path: Path) -> bool:
    """Say whether a file or folder looks like results of lm-eval, readable or not."""
    if path.is_file():
        return path.suffix in (".json", ".jsonl")
    return path.is_dir() and any(_all_files(path))


def find_tasks(path: Path) -> dict[str, TaskFiles]:
    """Return the newest evaluation of each task.

    Args:
        path: A folder, that of one model or one above it; a results file; or a file of samples.

    Raises:
        DataError: There is nothing that can be read, or it is of several models.
    """
    if path.is_file():
        return _of_file(path)
    results = sorted(_results_files(path), key=lambda file: (_date(file) or "", file.name))
    folders = sorted({file.parent for file in results})
    if len(folders) > 1:
        names = ", ".join(str(folder) for folder in folders)
        raise DataError(f"{path} holds lm-eval's results of several models. Name one of: {names}.")
    if not results:
        raise DataError(_no_results(path))
    found: dict[str, TaskFiles] = {}
    for file in results:
        found.update(_tasks_of(file))
    return found


def read_samples(file: Path) -> list[dict[str, Any]]:
    """Read a file of samples: one on each line or, of lm-eval before 0.4.3, one JSON list.

    Raises:
        DataError: It is damaged, or holds something else.
    """
    text = _text(file)
    rows: Any
    if text.lstrip().startswith("["):
        rows = _parsed(text, file)
    else:
        lines = enumerate(text.split("\n"), start=1)  # texts may hold other ends of lines
        rows = [_parsed(line, file, number) for number, line in lines if line.strip()]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{file} holds no samples of lm-eval's. {AGAIN}")
    return list(rows)


def _of_file(path: Path) -> dict[str, TaskFiles]:
    if path.suffix == ".json":
        return _tasks_of(path)
    date = _date(path)
    beside = [file for file in _results_files(path.parent) if _date(file) == date]
    found = {
        name: files
        for file in beside
        for name, files in _tasks_of(file).items()
        if files.samples == path
    }
    if not found:
        raise DataError(
            f"{path} cannot be read alone: the results_*.json of the same date, which says how it "
            "was made, is not beside it."
        )
    return found


def _tasks_of(file: Path) -> dict[str, TaskFiles]:
    results = _parsed(_text(file), file)
    if not isinstance(results, dict) or "results" not in results:
        raise DataError(f"{file} is no results file of lm-eval's: it has no key 'results'.")
    if "configs" not in results:
        raise DataError(
            f"{file} was made by lm-eval before 0.4, whose files do not say what each item was. "
            f"{AGAIN}"
        )
    for name, nested in _TABLES.items():
        table = results.get(name, {})
        entries = table.values() if nested and isinstance(table, dict) else ()
        if not all(isinstance(entry, dict) for entry in (table, *entries)):
            raise DataError(f"{file} is damaged: its {name!r} is no table. {AGAIN}")
    samples = _samples_beside(file, list(results["configs"]))
    return {task: TaskFiles(task, results, file, samples.get(task)) for task in results["configs"]}


def _samples_beside(results: Path, tasks: list[str]) -> dict[str, Path]:
    """Return the file of each task's samples that was written with a results file."""
    date = _date(results)
    if date is not None:
        files = {task: results.with_name(f"samples_{task}_{date}.jsonl") for task in tasks}
        return {task: file for task, file in files.items() if file.is_file()}
    found: dict[str, Path] = {}
    for file in sorted(results.parent.glob("*.jsonl")):
        # Names are <model arguments>_<task>, and one task's name may end in another's.
        named = [task for task in tasks if file.stem.endswith(f"_{task}")]
        if named and _date(file) is None:
            found[max(named, key=len)] = file
    return found


def _all_files(folder: Path) -> Iterator[Path]:
    yield from _results_files(folder)
    for pattern in ("samples_*.jsonl", "*write_out_info.json"):
        yield from folder.glob(pattern)
        yield from folder.glob(f"*/{pattern}")


def _results_files(folder: Path) -> Iterator[Path]:
    for pattern in ("*.json", "*/*.json"):
        for file in folder.glob(pattern):
            if file.name == _UNDATED or (_date(file) and not file.name.startswith("samples_")):
                yield file


def _no_results(folder: Path) -> str:
    names = [file.name for file in _all_files(folder)]
    if any(name.endswith("write_out_info.json") for name in names):
        return (
            f"{folder} was written by lm-eval before 0.4 (write_out_info.json), whose files do "
            f"not say what each item was. {AGAIN}"
        )
    return (
        f"{folder} has samples of lm-eval's, but no results_*.json, which says how they were made. "
        "Put it beside them, or evaluate again."
    )


def _date(file: Path) -> str | None:
    match = _DATED.search(file.name)
    return match[1] if match else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}. Copy it here again.") from error


def _parsed(text: str, file: Path, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        where = f"line {line} of {file}" if line else str(file)
        raise DataError(
            f"{where} is not JSON ({error}): it was cut or edited. Copy it here again."
        ) from error
