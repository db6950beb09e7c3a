"""One model in memory whose weights are exchanged: a sweep loads a model once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forget.errors import ModelError
from forget.inference.loading import Loaded, check_finite, load_model
from forget.inference.machine import Machine
from forget.inference.weights import adapter_base, check_model_folder, text_files

__all__ = ["Swapper"]

_INCIDENTAL = ("_name_or_path", "transformers_version", "use_cache", "dtype", "torch_dtype")
"""Keys of a configuration that do not change what the model is."""


class Swapper:
    """Holds the model loaded last, and puts the next one's weights into it where that is possible.

    Args:
        machine: Device and number format.
        attention: The attention implementation to load models with.
    """

    def __init__(self, machine: Machine, attention: str) -> None:
        self._machine = machine
        self._attention = attention
        self._loaded: Loaded | None = None
        self._config: dict[str, Any] | None = None

    def load(self, folder: Path) -> tuple[Loaded, bool]:
        """Load a model folder; say whether weights were exchanged in place.

        Raises:
            ModelError: The folder cannot be loaded.
        """
        check_model_folder(folder)
        config = None if adapter_base(folder) else _configuration(folder)
        same = self._loaded is not None and config is not None and config == self._config
        if self._loaded is not None and same and _exchange(self._loaded.model, folder):
            check_finite(self._loaded.model, folder)
            return self._loaded, True
        self.release()
        self._loaded = load_model(folder, self._machine, self._attention)
        self._config = config
        return self._loaded, False

    def release(self) -> None:
        """Drop the model."""
        self._loaded = self._config = None
        if self._machine.device == "cuda":
            import torch

            torch.cuda.empty_cache()


def _configuration(folder: Path) -> dict[str, Any]:
    """Return what must be equal for one model's weights to go into another's place."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    same = {key: value for key, value in config.items() if key not in _INCIDENTAL}
    return {**same, "texts": text_files(folder)}


def _exchange(model: Any, folder: Path) -> bool:
    """Copy a folder's weights into a model; False, and nothing copied, if their names differ."""
    import torch
    from safetensors import SafetensorError, safe_open

    places = dict(model.state_dict(keep_vars=True))
    files = sorted(folder.glob("*.safetensors"))
    try:
        handles: list[Any] = [safe_open(file, framework="pt") for file in files]
        names = {name: handle for handle in handles for name in handle.keys()}  # noqa: SIM118
        tied = set(getattr(model, "all_tied_weights_keys", None) or {})
        shapes = {name: tuple(names[name].get_slice(name).get_shape()) for name in names}
        # A file that has tied tensors tells them apart: only a fresh load follows it.
        if names.keys() != places.keys() - tied:
            return False
        if any(shape != tuple(places[name].shape) for name, shape in shapes.items()):
            return False
        with torch.no_grad():
            for name, handle in names.items():
                places[name].copy_(handle.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weights in {folder} cannot be read: {error}") from error
    return True
