"""What a model card is about: a model of a run, with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from forget.catalogue import Catalogue, ModelEntry
from forget.dataset import Dataset
from forget.errors import DataError, RequestError
from forget.evaluation.record import SweepRecord, read_record
from forget.inventory.sources import reads_of
from forget.method import Method
from forget.plan import wise_folder
from forget.plugins import Plugins
from forget.store import runfile
from forget.store.layout import Workspace, checkpoint_step
from forget.verdict.findings import CheckpointFindings, Findings, collect
from forget.verdict.places import Place, line_of, place_of
from forget.verdict.terms import Terms

__all__ = ["Subject", "card_subject"]

_FROZEN = ("study", "model", "dataset", "method", "seed", "method_settings")
"""What a card has to say of a run."""


@attrs.frozen(kw_only=True)
class Subject:
    """A model of a run.

    Attributes:
        folder: The model's folder.
        frozen: What makes the run what it is, see `Run.frozen`.
        provenance: Versions, hardware and date of the run's start.
        findings: What the run has found.
        checkpoint: What changed at this model.
        adapter: Whether the folder holds LoRA adapters of the base, and no whole model.
        base: What the registry says of the base model; None where it does not know it.
        base_id: The base model's id on the Hub; None if it has none.
        method: The method, if it is installed.
        dataset: The dataset, if it is installed.
    """

    folder: Path
    frozen: Mapping[str, Any]
    provenance: Mapping[str, Any]
    findings: Findings
    checkpoint: CheckpointFindings
    adapter: bool
    base: ModelEntry | None
    base_id: str | None
    method: Method | None
    dataset: Dataset | None

    @property
    def title(self) -> str:
        """The model in a few words, without a name that somebody else may have on the Hub."""
        frozen = self.frozen
        words = (frozen["model"], frozen["method"], frozen["dataset"], self.checkpoint.name)
        return " ".join(str(word).rpartition("/")[2] for word in words)

    @property
    def record(self) -> SweepRecord:
        """What was compared."""
        return self.findings.record

    def source_ids(self) -> list[str]:
        """Return the ids on the Hub of what it was trained on; empty for generated data."""
        if self.dataset is None:
            return []
        return list(dict.fromkeys(source.hub for source, _ in reads_of(self.dataset).sources))

    def exam_title(self, name: str) -> str:
        """Return what a benchmark or task is called in tables."""
        if name == self.record.task and self.dataset is not None:
            return self.dataset.title
        known = self.findings.terms.benchmarks.get(name)
        return known.title if known else name.removeprefix("task:")


def card_subject(
    text: str, catalogue: Catalogue, plugins: Plugins, terms: Terms, base_id: str | None
) -> Subject:
    """Find what a card is to be about, and read what is known of it.

    Args:
        text: ``RUN``, ``RUN:step-000100`` or a checkpoint's folder.
        catalogue: The registry.
        plugins: The plugins of this environment.
        terms: What verdicts are held to.
        base_id: The base model's id on the Hub; None takes the registry's.

    Raises:
        RequestError: It is no run, or the base model of one.
        DataError: The run has not evaluated it, or its files are damaged.
    """
    place = place_of(text)
    if place is None:
        raise RequestError(
            f"{text} is not a run directory, and no checkpoint of one that was evaluated. Write "
            "RUN, or RUN:step-000100; `forget status` lists runs."
        )
    record = read_record(place.run.sweep)
    line = line_of(record, place, text)
    if line is record.base:
        raise RequestError(f"{text} is the base model, which the run did not make: it has a card.")
    findings = collect(record, Workspace.of_run(place.run.path).root, terms)
    checkpoint = next(found for found in findings.checkpoints if found.name == line.name)
    if not checkpoint.benchmarks:
        raise DataError(
            f"{text} has not been evaluated on any benchmark yet, so there is nothing to say of it "
            "in a card. Run the run's `forget run` command again to continue it."
        )
    document = runfile.read(place.run.runfile)
    frozen = document.get("settings", {})
    missing = [name for name in _FROZEN if name not in frozen]
    if missing:
        raise DataError(
            f"{place.run.runfile} does not say what was trained: it lacks {', '.join(missing)}. "
            "Restore it, or move the folder away and run again."
        )
    folder = _folder(place, line.name)
    provenance = document.get("provenance", {})
    # A folder may have the name of a model that the registry has.
    entry = None if "model_folder" in provenance else catalogue.models.get(frozen["model"])
    return Subject(
        folder=folder,
        frozen=frozen,
        provenance=provenance,
        findings=findings,
        checkpoint=checkpoint,
        adapter=(folder / "adapter_config.json").is_file(),
        base=entry,
        base_id=base_id or _hub_id(frozen["model"], entry),
        method=_record(plugins, "methods", frozen["method"]),
        dataset=_record(plugins, "datasets", frozen["dataset"]),
    )


def _folder(place: Place, name: str) -> Path:
    """Return the folder of a model of a run by its name.

    Raises:
        DataError: It is not there any more.
    """
    run, step = place.run, checkpoint_step(name)
    # Other models are named by the checkpoint that they are made of, and their own folder.
    folder = run.checkpoint(step) if step is not None else wise_folder(run, name)
    if not folder.is_dir():
        raise DataError(
            f"The model of {name} is not there any more: {folder}. Its scores are kept; run the "
            "run's `forget run` command again to make it anew."
        )
    return folder


def _hub_id(name: str, entry: ModelEntry | None) -> str | None:
    """Return a model's id on the Hub: the registry's, or its name where that is one."""
    if entry is not None:
        return entry.hub
    return name if name.count("/") == 1 else None


def _record(plugins: Plugins, kind: Any, name: str) -> Any:
    found = plugins.all(kind).get(name)
    return None if found is None else found.record
