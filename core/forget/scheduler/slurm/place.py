"""Where everything of a cluster's jobs lies below an output folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs

from forget.store.layout import Workspace, slug

__all__ = ["Place", "places"]


@attrs.frozen
class Place:
    """The folder of one cluster's jobs.

    Attributes:
        workspace: The output folder.
        cluster: The cluster's name in the registry.
    """

    workspace: Workspace
    cluster: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return self.workspace.slurm / slug(self.cluster)

    @property
    def lock(self) -> Path:
        """Held by the process that submits."""
        return self.root / ".lock"

    @property
    def ledger(self) -> Path:
        """What was submitted, how it ended, and what was given up."""
        return self.root / "ledger.jsonl"

    @property
    def caretaker(self) -> Path:
        """What the job that looks after the others is submitted with; there before any job."""
        return self.root / "caretaker.json"

    @property
    def log(self) -> Path:
        """What the caretakers said."""
        return self.root / "caretaker.log"

    @property
    def prefix(self) -> str:
        """What names of all its jobs begin with: no other output folder has it."""
        return f"forget-{hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:6]}"

    def is_of(self, cluster: str) -> bool:
        """Say whether a cluster is this one, which may be known by its folder's name alone."""
        return bool(cluster) and slug(cluster) == slug(self.cluster)

    def job(self, name: str) -> Path:
        """Return the folder of a job: its script, its log and its record."""
        return self.root / "jobs" / name


def places(workspace: Workspace) -> list[Place]:
    """List the clusters of an output folder, whether a job was submitted yet or not."""
    return [
        Place(workspace, folder.name)
        for folder in sorted(workspace.slurm.glob("*/"))
        if Place(workspace, folder.name).caretaker.is_file()
    ]
