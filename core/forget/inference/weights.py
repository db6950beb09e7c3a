"""Model folders checked and digested from their files alone: no torch, nothing loaded."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from forget.errors import ModelError
from forget.store.atomic import is_utf8
from forget.store.manifest import (
    MANIFEST,
    Manifest,
    file_digest,
    known_digest,
    read_manifest,
    verify,
)

__all__ = [
    "adapter_base",
    "check_model_folder",
    "count_parameters",
    "model_digest",
    "text_files",
    "tokenizer_digest",
]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")
_TEXT_FILES = (
    "tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "spiece", "chat_template",
    "generation_config",
)  # fmt: skip
_MODEL_SUFFIXES = (".safetensors", ".json", ".model", ".jinja", ".txt")


def check_model_folder(folder: Path) -> None:
    """Refuse a folder that cannot be a complete model: config, tokenizer, whole weights.

    Raises:
        ModelError: Something is missing or cut short; the message names the file.
    """
    if not folder.is_dir():
        raise ModelError(
            f"There is no model folder {folder}. Name one that is there, a model of `forget list "
            "models`, or an id on the Hugging Face Hub."
        )
    if not is_utf8(folder):
        raise ModelError(
            f"The model folder {folder} has a name that is not UTF-8, and libraries that read "
            "weights take no other. Rename it, or a folder that it is in."
        )
    names = ("config.json", "adapter_config.json")
    configs = {name: _read_json(folder / name) for name in names if (folder / name).is_file()}
    if not configs:
        raise ModelError(
            f"{folder} is not a model folder: it has neither config.json nor adapter_config.json."
        )
    if "config.json" not in configs and adapter_base(folder) is None:
        raise ModelError(
            f"{folder / names[1]} does not say which model the adapter belongs to: write "
            "its name or folder there as base_model_name_or_path."
        )
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError(
            f"The model folder {folder} has no tokenizer (none of {', '.join(_TOKENIZER_FILES)}). "
            "Copy the tokenizer files of the model it was trained from into it."
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"The model folder {folder} has no *.safetensors file. Pickled weights are not "
            "loaded, because they can run code: convert them with save_pretrained."
        )
    for file in weights:
        _check_safetensors(file)
    _check_shards(folder)


def adapter_base(folder: Path) -> str | None:
    """Return the base model that a LoRA adapter folder names; None for a full model."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return None
    base = _read_json(config).get("base_model_name_or_path")
    return str(base) if base else None


def model_digest(folder: Path, *, recompute: bool = True) -> str:
    """Return the SHA-256 that stands for everything a model's answers depend on.

    Weights, configuration, tokenizer and chat template count; for an adapter, its base too.

    Args:
        folder: The model folder.
        recompute: Read every file. False trusts the digests in the folder's manifest, if it has
            one whose sizes hold, and those that this process has found: for listings, never before
            scoring.

    Raises:
        ModelError: The folder was changed after it had been sealed.
    """
    sealed = (folder / MANIFEST).is_file()
    manifest = (verify if recompute else read_manifest)(folder) if sealed else None
    if sealed and manifest is None:
        raise ModelError(
            f"{folder} is damaged or was changed: its files do not have the digests in its "
            f"{MANIFEST}. Delete the folder and run again, or remove {MANIFEST} to use it as it is."
        )
    total = hashlib.sha256()
    for name, sha in sorted(_file_digests(folder, manifest, recompute).items()):
        total.update(f"{name}:{sha}\n".encode())
    base = adapter_base(folder)
    if base is not None and Path(base).is_dir():
        total.update(model_digest(Path(base), recompute=recompute).encode())
    return total.hexdigest()


@cache
def count_parameters(folder: Path) -> int:
    """Return the number of parameters in a model folder, an adapter's base included.

    From the headers of its files, once in a process.

    Raises:
        ModelError: A file is damaged.
    """
    own = sum(_numbers(file) for file in sorted(folder.glob("*.safetensors")))
    base = adapter_base(folder)
    return own + (count_parameters(Path(base)) if base and Path(base).is_dir() else 0)


def tokenizer_digest(folder: Path) -> str:
    """Return the SHA-256 of tokenizer, chat template and configuration.

    Equal digests mean that texts become the same tokens, and that as many of them fit.
    """
    total = hashlib.sha256()
    base = adapter_base(folder)
    total.update(f"{base}\n".encode())
    config = Path(base or folder) / "config.json"
    if config.is_file():
        total.update(config.read_bytes())
    for name, digest in sorted(text_files(folder).items()):
        total.update(f"{name}:{digest}\n".encode())
    return total.hexdigest()


def text_files(folder: Path) -> dict[str, str]:
    """Return the digests of the files that decide how texts are read, written and ended."""
    return {
        path.name: file_digest(path)
        for path in folder.iterdir()
        if path.is_file() and (path.suffix == ".jinja" or path.name.startswith(_TEXT_FILES))
    }


def _file_digests(folder: Path, manifest: Manifest | None, recompute: bool) -> dict[str, str]:
    digest = file_digest if recompute else known_digest
    if manifest is not None:  # its files are there, or it would not have been read
        return {name: sha for name, (_, sha) in manifest.files.items() if _counts(name)}
    files = (path for path in folder.iterdir() if path.is_file() and _counts(path.name))
    return {path.name: digest(path) for path in files}


def _counts(name: str) -> bool:
    return name.endswith(_MODEL_SUFFIXES) and name != MANIFEST


def _check_safetensors(file: Path) -> None:
    """Compare a safetensors file's size with what its header promises."""
    size = file.stat().st_size
    header, start = _header(file)
    try:
        promised = start + max((t["data_offsets"][1] for t in _tensors(header).values()), default=0)
    except (KeyError, IndexError, TypeError):
        raise ModelError(_damaged_header(file)) from None
    if size != promised:
        raise ModelError(_cut_short(file, size, f"its header promises {promised:,} bytes"))


def _numbers(file: Path) -> int:
    tensors = _tensors(_header(file)[0]).values()
    try:
        return sum(int(math.prod(tensor["shape"])) for tensor in tensors)
    except (KeyError, TypeError, ValueError):
        raise ModelError(_damaged_header(file)) from None


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """Read a safetensors file's header; return it, and where the tensors start.

    The format: 8 bytes little-endian header length, a JSON header, then the tensors, whose
    ``data_offsets`` are relative to the end of the header.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(_cut_short(file, size, "its header is incomplete"))
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            raise ModelError(_damaged_header(file)) from None
    if not isinstance(header, dict):
        raise ModelError(_damaged_header(file))
    return header, 8 + length


def _tensors(header: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def _damaged_header(file: Path) -> str:
    return f"{file} is not a safetensors file: its header is damaged."


def _cut_short(file: Path, size: int, reason: str) -> str:
    return (
        f"{file} is truncated or damaged: it has {size:,} bytes, but {reason}. "
        "Copy or save the checkpoint again."
    )


def _check_shards(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    shards = set(_read_json(index).get("weight_map", {}).values())
    missing = sorted(name for name in shards if not (folder / name).is_file())
    if missing:
        raise ModelError(f"The model folder {folder} lacks the weight files {', '.join(missing)}.")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}.") from error
    return content if isinstance(content, dict) else {}
