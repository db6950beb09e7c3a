"""The prepared training data of every run, from its manifests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from forget.inventory.records import Entry, Format, teacher_label
from forget.store.manifest import Manifest, fault, read_manifest

__all__ = ["data_folders", "pass_rate", "prepared_entries"]


_USES = {"data": "training"}
"""What the examples of a folder are for, where its name does not say it."""


class _Prepared(NamedTuple):
    """The data of one run; `manifest` is None where `problem` says why."""

    folder: Path
    dataset: str
    method: str
    manifest: Manifest | None
    problem: str


def data_folders(out: Path) -> list[Path]:
    """List the data folders of all runs below an output folder, by path; replay is beside data."""
    runs = "runs/*/*/*/*/seed-*"
    found = (path for name in ("data", "replay") for path in out.glob(f"{runs}/{name}"))
    return sorted(path for path in found if path.is_dir())


def prepared_entries(out: Path, title: Callable[[str], str]) -> list[Entry]:
    """List the data of every run; data of equal content is one line.

    Args:
        out: The output folder.
        title: Gives a method's title by its name.
    """
    found = [_read(folder) for folder in data_folders(out)]
    groups: dict[str, list[_Prepared]] = {}
    for item in found:
        digest = item.manifest.details["digest"] if item.manifest else ""
        # What is damaged is equal to nothing, and neither is what another kind of code wrote.
        groups.setdefault(digest or str(item.folder), []).append(item)
    return [_entry(group, out, title) for group in groups.values()]


def _read(folder: Path) -> _Prepared:
    method, dataset = folder.parents[1].name, folder.parents[2].name
    problem = fault(folder, digests=False)
    manifest = read_manifest(folder) if problem is None else None
    if manifest is not None:
        problem = _wrong_details(manifest)
    if problem is not None:
        return _Prepared(folder, dataset, method, None, problem)
    return _Prepared(folder, dataset, method, manifest, "")


def _wrong_details(manifest: Manifest) -> str | None:
    """Say what a manifest lacks that every kind of prepared data has."""
    kinds = {"rows": int, "digest": str, "dataset": str}
    for key, kind in kinds.items():
        if not isinstance(manifest.details.get(key), kind):
            return f"its manifest has no {key}: it was not written by `forget`, or was edited"
    return None


def _entry(group: list[_Prepared], out: Path, title: Callable[[str], str]) -> Entry:
    first = group[0]
    titles = dict.fromkeys(title(item.method) for item in group)
    common: dict[str, Any] = {
        "folder": first.folder.relative_to(out).as_posix(),
        "path": first.folder,
        "purpose": f"{', '.join(titles)} {_USES.get(first.folder.name, first.folder.name)}",
        "runs": tuple(item.folder.parent.relative_to(out).as_posix() for item in group),
    }
    if first.manifest is None:
        return Entry(
            format="SFT", dataset=first.dataset, state="damaged", problem=first.problem, **common
        )
    details = first.manifest.details
    trajectories = _table(details.get("trajectories"))
    return Entry(
        format=_format(details),
        dataset=details["dataset"],
        rows=details["rows"],
        expected=details["rows"],
        kept_fraction=_kept(details, trajectories),
        pass_rate=pass_rate(trajectories),
        teacher=teacher_label(_table(trajectories.get("teacher"))),
        sampling=_sampling(trajectories),
        digest=details["digest"],
        bytes=sum(size for size, _ in first.manifest.files.values()),
        state="complete",
        **common,
    )


def _format(details: Mapping[str, Any]) -> Format:
    if "completion_tokens" not in details:
        return "prompts"
    return "pairs" if details.get("pairs") else "SFT"


def pass_rate(trajectories: Mapping[str, Any]) -> float | None:
    """Return the share of a teacher's completions that a manifest says are correct."""
    found = trajectories.get("pass_rate")
    return float(found) if isinstance(found, int | float) else None


def _kept(details: Mapping[str, Any], trajectories: Mapping[str, Any]) -> float | None:
    """Return the kept share: of a teacher's questions, else of the source's examples."""
    if isinstance(trajectories.get("kept_fraction"), int | float):
        return float(trajectories["kept_fraction"])
    source = details.get("source_rows")
    return details["rows"] / source if isinstance(source, int) and source else None


def _sampling(trajectories: Mapping[str, Any]) -> dict[str, Any]:
    sampling = dict(_table(trajectories.get("sampling")))
    if "samples" in trajectories:
        sampling["samples"] = trajectories["samples"]
    return sampling


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
