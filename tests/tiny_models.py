"""Models of a few thousand random weights: those of the conformance kit, and a hollow one."""

from __future__ import annotations

import json
from pathlib import Path

from forget.testing.tiny import CHATML, make_model, make_tokenizer

__all__ = ["CHATML", "make_hollow_model", "make_model", "make_tokenizer"]


def make_hollow_model(folder: Path) -> Path:
    """Make a model folder that is complete as far as its files tell, and cannot be loaded."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = len(header).to_bytes(8, "little") + header + b"\0" * 4
    (folder / "model.safetensors").write_bytes(content)
    return folder
