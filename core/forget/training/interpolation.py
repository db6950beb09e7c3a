"""Weights between a base model and a checkpoint of it: WiSE-FT, as model folders.

    theta = (1 - alpha) * theta0 + alpha * theta1

(Wortsman et al. 2022, arXiv:2109.01903, section 3.) The result is a checkpoint like any other.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import ModelError, OutputError
from forget.inference.tensors import TensorReader, TensorWriter, open_tensors
from forget.inference.weights import adapter_base, check_model_folder, model_digest
from forget.progress import Advance, Progress
from forget.store.atomic import PARTIAL, staged_folder, storage_errors
from forget.store.manifest import MANIFEST, read_manifest, seal, verify
from forget.training.checkpoints import full_disk_as_oserror
from forget.training.student import quiet

__all__ = ["check_pair", "interpolate", "interpolation_label", "is_interpolation"]

_KIND = "interpolation"


def interpolation_label(alpha: float) -> str:
    """Name a share: ``wise-0.50``; further digits where there are any."""
    short = f"{alpha:.2f}"
    return f"wise-{short if float(short) == alpha else alpha}"


def is_interpolation(folder: Path) -> bool:
    """Say whether a folder holds a complete interpolation; digests are not recomputed."""
    manifest = read_manifest(folder)
    return manifest is not None and manifest.kind == _KIND


def check_pair(base: Path, checkpoint: Path) -> None:
    """Refuse two folders whose weights do not belong together; only headers are read.

    An adapter is compared by the model it is for.

    Raises:
        ModelError: A folder is incomplete, or the two differ in architecture, tensors or shapes.
    """
    for folder in (base, checkpoint):
        check_model_folder(folder)
    if adapter_base(base) is not None:
        raise ModelError(f"{base} is an adapter and no base model. Give the model it is for.")
    whole = adapter_base(checkpoint)
    if whole is not None and not Path(whole).is_dir():
        raise ModelError(
            f"The adapter {checkpoint} is for {whole!r}, which is no folder on this machine, so it "
            "cannot be merged. Write the folder of its base as base_model_name_or_path into its "
            "adapter_config.json."
        )
    with open_tensors(base) as one, open_tensors(Path(whole or checkpoint)) as two:
        _check_same(one, two)


def interpolate(
    base: Path,
    checkpoint: Path,
    wanted: Mapping[float, Path],
    progress: Progress,
    *,
    replace: bool = False,
) -> None:
    """Make what is not there yet of some interpolations; killed, calling it again continues.

    Each tensor is computed in float32 and written in the checkpoint's number format; shares of 0
    and 1 give the base's and the checkpoint's own numbers. An adapter is merged first, in float32,
    and the result has its base's number format.

    Args:
        base: Folder of the base model.
        checkpoint: Folder of the checkpoint, a whole model or an adapter.
        wanted: The checkpoint's share alpha to the folder to make, which is sealed.
        progress: Where to report.
        replace: Whatever else stands at a folder is replaced; else it is refused.

    Raises:
        ModelError: The two do not belong together; nothing is written.
        OutputError: A folder holds something else; nothing is written.
        StorageError: The disk is full.
    """
    check_pair(base, checkpoint)
    with progress.task("checking the models' files", None):
        details = {"base": model_digest(base), "checkpoint": model_digest(checkpoint)}
        left = {
            alpha: folder
            for alpha, folder in wanted.items()
            if not _is_made(folder, {**details, "alpha": alpha}, replace)
        }
    if not left:
        return
    with (
        _opened(base, checkpoint, beside=next(iter(left.values()))) as pair,
        progress.task("interpolating weights", len(left) * len(pair.names)) as advance,
    ):
        for alpha, folder in left.items():
            with staged_folder(folder) as staging, full_disk_as_oserror():
                _copy_texts(base, checkpoint, staging)
                _write(pair, alpha, staging, advance)
                seal(staging, _KIND, {**details, "alpha": alpha})


def _write(pair: _Pair, alpha: float, folder: Path, advance: Advance) -> None:
    writer = TensorWriter(folder)
    for name in pair.names:
        writer.add(name, pair.mix(name, alpha))
        advance(1)
    writer.finish()


class _Pair(NamedTuple):
    """Two models with the same tensors; a `merged` one is float32 whatever its base is."""

    base: TensorReader
    other: TensorReader
    names: Sequence[str]
    merged: bool

    def mix(self, name: str, alpha: float) -> Any:
        """Return a tensor of the result."""
        import torch

        theta0, theta1 = self.base.read(name), self.other.read(name)
        dtype = (theta0 if self.merged else theta1).dtype
        if alpha in (0, 1) or not theta1.is_floating_point():  # 0 * x + y loses the sign of -0
            return (theta1 if alpha else theta0).to(dtype)
        # Not the formula as it stands: lerp leaves weights as they are that did not change.
        return torch.lerp(theta0.float(), theta1.float(), alpha).to(dtype)


@contextmanager
def _opened(base: Path, checkpoint: Path, beside: Path) -> Iterator[_Pair]:
    merged = adapter_base(checkpoint) is not None
    whole = beside.with_name(f".{beside.name}{PARTIAL}-merged") if merged else checkpoint
    try:
        if merged:
            _merge(checkpoint, whole)
        with open_tensors(base) as one, open_tensors(whole) as two:
            yield _Pair(one, two, _check_same(one, two), merged)
    finally:
        if merged:
            shutil.rmtree(whole, ignore_errors=True)


def _merge(adapter: Path, folder: Path) -> None:
    from forget.inference.loading import load_model
    from forget.inference.machine import Machine

    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    with quiet():
        loaded = load_model(adapter, Machine(device="cpu", device_name="", dtype="float32"))
        with storage_errors(folder), full_disk_as_oserror():
            loaded.model.save_pretrained(folder)


def _check_same(base: TensorReader, other: TensorReader) -> list[str]:
    """Return the names of the tensors, or refuse two models that have not the same."""
    both = f"{base.folder} and {other.folder} cannot be interpolated"
    advice = "Give the model that the checkpoint was trained from as the base."
    if base.model_type != other.model_type:
        raise ModelError(
            f"{both}: one is of the architecture {base.model_type!r}, the other of "
            f"{other.model_type!r}. {advice}"
        )
    names, others = base.names, other.names
    if set(names) != set(others):  # some writers store a tied output head, others do not
        names, others = base.without_tied_head(), other.without_tied_head()
    unpaired = sorted(set(names) ^ set(others))
    if unpaired:
        raise ModelError(
            f"{both}: {len(unpaired):,} tensors are in one of them only "
            f"({', '.join(unpaired[:3])}). {advice}"
        )
    for name in names:
        one, two = base.shape(name), other.shape(name)
        if one != two:
            raise ModelError(f"{both}: {name} has the shape {one} and {two}. {advice}")
    return others


def _is_made(folder: Path, details: Mapping[str, Any], replace: bool) -> bool:
    """Say whether a folder holds an interpolation, undamaged; refuse one that holds another."""
    there = read_manifest(folder)
    same = there is not None and there.kind == _KIND and there.details == details
    if folder.exists() and not same and not replace:
        raise OutputError(
            f"{folder} is there and holds something else than this interpolation, or is damaged. "
            "Move it away, or choose another folder with --out."
        )
    return same and verify(folder) is not None


def _copy_texts(base: Path, checkpoint: Path, folder: Path) -> None:
    """Copy configuration and tokenizer: the checkpoint's; an adapter has only some of them."""
    sources = [checkpoint] if adapter_base(checkpoint) is None else [base, checkpoint]
    for source in sources:
        for path in source.iterdir():
            weights = ".safetensors" in path.name or path.name.startswith("adapter_")
            if path.is_file() and not weights and path.name not in (MANIFEST, "README.md"):
                shutil.copyfile(path, folder / path.name)
