"""Checkpoints and training state on disk: at every moment there is a pair to continue from.

    <output>/checkpoints/step-000100/      a folder any Hugging Face tool loads, sealed
    <output>/training-state/step-000100/   optimiser, schedule, random numbers of the newest

The order of writing makes a kill harmless: the new state is sealed, then the new checkpoint
appears, then the old state goes. Until the checkpoint appears the old pair is whole, then the new.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from forget.errors import FrozenRunError
from forget.store.atomic import PARTIAL, staged_folder, storage_errors
from forget.store.layout import RunFolder, checkpoint_name, checkpoint_step
from forget.store.manifest import Manifest, read_manifest, seal, verify

__all__ = ["CheckpointStore", "full_disk_as_oserror"]

_STATE = "training-state"
_FULL_DISK = (
    "no space left",
    "disk quota exceeded",
    "os error 28)",  # how Rust (safetensors, tokenizers) writes ENOSPC
    "os error 122)",  # and EDQUOT
    "pytorchstreamwriter failed",  # torch.save drops the system's reason
    "inline_container",
)


@contextmanager
def full_disk_as_oserror() -> Iterator[None]:
    """Turn the libraries' own exceptions for a full disk into `OSError`, for `storage_errors`."""
    try:
        yield
    except Exception as error:
        if any(mark in str(error).lower() for mark in _FULL_DISK):
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise


@attrs.frozen(kw_only=True)
class CheckpointStore:
    """The checkpoints of one training.

    Attributes:
        output: The run directory.
        training: Name of the training (`plan.training_digest`); checkpoints of another are refused.
        last_step: The step after which the training is done.
    """

    output: Path
    training: str
    last_step: int

    def clean(self) -> None:
        """Remove what a killed process left half-written."""
        with storage_errors(self.output):
            for folder in (self._run.checkpoints, self.output / _STATE):
                for left in folder.glob(f"*{PARTIAL}*"):
                    shutil.rmtree(left)
            for journal in ("metrics.jsonl", self._run.drift_journal.name):
                for left in self.output.glob(f".{journal}{PARTIAL}*"):
                    left.unlink()
            for left in self.output.glob(f".{self._run.drift.name}{PARTIAL}*"):
                shutil.rmtree(left)

    def finished(self) -> bool:
        """Say whether the last checkpoint is complete and undamaged."""
        return self._belongs(self.last_step, verify(self.checkpoint(self.last_step)))

    def resume_step(self) -> int:
        """Return the newest step whose checkpoint and state are both whole; 0 to start afresh."""
        for step in reversed(self._run.steps()):
            whole = self._belongs(step, verify(self.checkpoint(step)))
            if whole and self._belongs(step, verify(self.state(step))):
                return step
        return 0

    def published(self, up_to: int) -> list[tuple[int, Path]]:
        """List the complete checkpoints up to a step, ascending; digests are not recomputed.

        Raises:
            FrozenRunError: One of them is of another training.
        """
        folders = [(s, self.checkpoint(s)) for s in self._run.steps() if 0 < s <= up_to]
        return [(step, f) for step, f in folders if self._belongs(step, read_manifest(f))]

    def checkpoint(self, step: int) -> Path:
        """Return the folder of a checkpoint."""
        return self._run.checkpoint(step)

    def state(self, step: int) -> Path:
        """Return the folder of the training state after a step."""
        return self.output / _STATE / checkpoint_name(step)

    def publish(
        self,
        step: int,
        details: Mapping[str, Any],
        write_model: Callable[[Path], None],
        write_state: Callable[[Path], None],
    ) -> Path:
        """Put a checkpoint in its place; the last one needs no state, for nothing follows it.

        Args:
            step: Optimiser steps done.
            details: What its manifest tells beside step and training.
            write_model: Fills a folder with model and tokenizer.
            write_state: Fills a folder with what continuing needs.

        Raises:
            StorageError: The disk is full; the checkpoint before and its state are untouched.
        """
        sealed = {"step": step, "training": self.training, **details}
        if step < self.last_step:
            self._write(self.state(step), "training-state", sealed, write_state)
        final = self.checkpoint(step)
        self._write(final, "checkpoint", sealed, write_model)
        self._drop_states(keep=step)
        return final

    @property
    def _run(self) -> RunFolder:
        return RunFolder(self.output)

    def _write(
        self, final: Path, kind: str, details: Mapping[str, Any], fill: Callable[[Path], None]
    ) -> None:
        with staged_folder(final) as staging, full_disk_as_oserror():
            fill(staging)
            seal(staging, kind, details)

    def _drop_states(self, keep: int) -> None:
        folder = self.output / _STATE
        if not folder.is_dir():
            return
        with storage_errors(folder):
            for child in folder.iterdir():
                if checkpoint_step(child.name) not in (None, keep):
                    shutil.rmtree(child)
            if keep == self.last_step:
                shutil.rmtree(folder)

    def _belongs(self, step: int, manifest: Manifest | None) -> bool:
        if manifest is None or manifest.details.get("step") != step:
            return False
        if manifest.details.get("training") != self.training:
            raise FrozenRunError(
                f"{self.checkpoint(step)} belongs to a training with other settings, another seed "
                "or other data. Ask for the same ones to continue it, or choose another --out."
            )
        return True
