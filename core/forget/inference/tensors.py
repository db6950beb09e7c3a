"""The tensors of model folders, read and written one at a time: nothing is loaded whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["TensorReader", "TensorWriter", "open_tensors"]

_HEAD = "lm_head.weight"
_EMBEDDINGS = "embed_tokens.weight"
_INDEX = "model.safetensors.index.json"
_FILE_BYTES = 4 * 2**30
"""Size from which a file is closed: about as much is in memory at once."""


class TensorReader:
    """The tensors of a model folder; see `open_tensors`."""

    def __init__(self, folder: Path, files: dict[str, Any]) -> None:
        self.folder = folder
        self._files = files

    @property
    def names(self) -> list[str]:
        """The tensors' names, by file."""
        return list(self._files)

    @property
    def model_type(self) -> str:
        """The architecture, as the configuration names it."""
        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("model_type", "unknown"))

    def shape(self, name: str) -> list[int]:
        """Return a tensor's shape, from the header of its file."""
        return list(self._files[name].get_slice(name).get_shape())

    def read(self, name: str) -> Any:
        """Return a tensor."""
        return self._files[name].get_tensor(name)

    def rows(self, name: str, start: int, stop: int) -> Any:
        """Return some rows of a tensor; the others are not read."""
        return self._files[name].get_slice(name)[start:stop]

    def without_tied_head(self) -> list[str]:
        """Return the names but for an output head that is the embeddings, stored a second time."""
        import torch

        embeddings = [name for name in self._files if name.endswith(_EMBEDDINGS)]
        if _HEAD not in self._files or not embeddings:
            return self.names
        tied = torch.equal(self.read(_HEAD), self.read(embeddings[0]))
        return [name for name in self._files if not (tied and name == _HEAD)]


@contextmanager
def open_tensors(folder: Path) -> Iterator[TensorReader]:
    """Open the safetensors files of a checked model folder."""
    from safetensors import safe_open

    with ExitStack() as stack:
        files: dict[str, Any] = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = stack.enter_context(safe_open(path, framework="pt"))
            files.update(dict.fromkeys(file.keys(), file))
        yield TensorReader(folder, files)


class TensorWriter:
    """Writes tensors into a folder as transformers reads them: one file, or several and an index.

    Args:
        folder: The folder.
        file_bytes: Size from which a file is closed.
    """

    def __init__(self, folder: Path, file_bytes: int = _FILE_BYTES) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._open: dict[str, Any] = {}
        self._written: list[tuple[Path, list[str]]] = []
        self._total = self._size = 0

    def add(self, name: str, tensor: Any) -> None:
        """Take a tensor."""
        self._open[name] = tensor.contiguous()
        self._size += tensor.nbytes
        self._total += tensor.nbytes
        if self._size >= self._file_bytes:
            self._close_file()

    def finish(self) -> None:
        """Write what is left and give the files the names they have by their number."""
        if self._open:
            self._close_file()
        count = len(self._written)
        if count == 1:
            self._written[0][0].rename(self._folder / "model.safetensors")
            return
        home: dict[str, str] = {}
        for number, (path, names) in enumerate(self._written, start=1):
            final = f"model-{number:05d}-of-{count:05d}.safetensors"
            path.rename(self._folder / final)
            home.update(dict.fromkeys(names, final))
        index = {"metadata": {"total_size": self._total}, "weight_map": home}
        (self._folder / _INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")

    def _close_file(self) -> None:
        from safetensors.torch import save_file

        path = self._folder / f"part-{len(self._written)}"
        save_file(self._open, path, metadata={"format": "pt"})
        self._written.append((path, list(self._open)))
        self._open, self._size = {}, 0
