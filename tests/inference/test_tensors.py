"""Tensors of model folders, one at a time."""

from __future__ import annotations

from pathlib import Path

import torch

from forget.inference.tensors import TensorWriter, open_tensors


def write(folder: Path, tensors: dict[str, torch.Tensor], file_bytes: int) -> None:
    folder.mkdir()
    writer = TensorWriter(folder, file_bytes)
    for name, tensor in tensors.items():
        writer.add(name, tensor)
    writer.finish()


def test_one_file_or_several_hold_the_same(tmp_path: Path) -> None:
    tensors = {f"t{n}": torch.full((4,), float(n)) for n in range(5)}
    write(tmp_path / "one", tensors, 1000)
    write(tmp_path / "several", tensors, 32)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["model.safetensors"]
    assert sorted(path.name for path in (tmp_path / "several").iterdir()) == [
        *(f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)),
        "model.safetensors.index.json",
    ]
    for name in ("one", "several"):
        with open_tensors(tmp_path / name) as reader:
            assert sorted(reader.names) == sorted(tensors)
            assert reader.shape("t3") == [4]
            assert all(torch.equal(reader.read(n), t) for n, t in tensors.items())


def test_a_head_is_tied_only_if_it_is_the_embeddings(tmp_path: Path) -> None:
    rows = torch.arange(6.0).reshape(3, 2)
    for name, head in (("tied", rows.clone()), ("free", rows + 1)):
        write(tmp_path / name, {"model.embed_tokens.weight": rows, "lm_head.weight": head}, 1000)
    with open_tensors(tmp_path / "tied") as tied, open_tensors(tmp_path / "free") as free:
        assert tied.without_tied_head() == ["model.embed_tokens.weight"]
        assert len(free.without_tied_head()) == 2
