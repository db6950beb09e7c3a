from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from forget.errors import ModelError
from forget.inference.weights import (
    adapter_base,
    check_model_folder,
    count_parameters,
    model_digest,
)
from forget.store.manifest import MANIFEST, seal
from tiny_models import make_hollow_model


def save_weights(path: Path, fill: float = 0.5) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {"a": np.full((3, 4), fill, np.float32), "b": np.arange(5, dtype=np.int64)}
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    save_weights(folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.fixture
def adapter(tmp_path: Path, model: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    save_weights(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(model)}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        check_model_folder(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


# --- complete folders


def test_a_complete_model(model: Path) -> None:
    check_model_folder(model)
    assert adapter_base(model) is None


@pytest.mark.parametrize("name", ["tokenizer.model", "vocab.json", "spiece.model", "vocab.txt"])
def test_any_tokenizer_will_do(model: Path, name: str) -> None:
    (model / "tokenizer.json").rename(model / name)
    check_model_folder(model)


def test_a_complete_adapter(adapter: Path, model: Path) -> None:
    check_model_folder(adapter)
    assert adapter_base(adapter) == str(model)


def test_a_file_without_tensors_or_metadata(model: Path) -> None:
    header = json.dumps({}).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    check_model_folder(model)


def test_a_model_in_shards(model: Path) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (model / "model.safetensors").rename(model / shards[0])
    save_weights(model / shards[1])
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    check_model_folder(model)
    (model / shards[1]).unlink()
    message = refused(model)
    assert f"lacks the weight files {shards[1]}." in message
    assert shards[0] not in message


# --- what is missing


def test_no_folder(tmp_path: Path) -> None:
    assert "There is no model folder" in refused(tmp_path / "nowhere")


def test_a_file_in_place_of_a_folder(model: Path) -> None:
    assert "There is no model folder" in refused(model / "model.safetensors")


def test_no_config(model: Path) -> None:
    (model / "config.json").unlink()
    assert "neither config.json nor adapter_config.json" in refused(model)


def test_a_name_that_libraries_cannot_take(model: Path) -> None:
    folder = model.rename(model.with_name(os.fsdecode(b"model-\xff")))
    message = refused(folder)
    assert "not UTF-8" in message
    assert "Rename it" in message


def test_no_tokenizer(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    message = refused(model)
    assert "has no tokenizer" in message
    assert "Copy the tokenizer files" in message


def test_no_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()
    assert "has no *.safetensors file" in refused(model)


def test_pickled_weights_are_not_weights(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    message = refused(model)
    assert "Pickled weights are not loaded" in message
    assert "save_pretrained" in message


def test_an_adapter_that_names_no_base(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": null}')
    assert "does not say which model the adapter belongs to" in refused(adapter)


# --- what is damaged


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json"])
def test_a_damaged_config(model: Path, name: str) -> None:
    (model / name).write_text('{"model_type": ')
    message = refused(model)
    assert f"{name} is not valid JSON" in message


def test_a_config_that_is_no_text(model: Path) -> None:
    (model / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "config.json is not valid JSON" in refused(model)


@pytest.mark.parametrize("keep", [0, 4, 8, 40, -1, -48])
def test_truncated_weights(model: Path, keep: int) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    message = refused(model)
    assert f"{file} is truncated or damaged" in message
    assert "Copy or save the checkpoint again" in message


def test_weights_with_something_appended(model: Path) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes() + b"x")
    assert "is truncated or damaged" in refused(model)


@pytest.mark.parametrize(
    "header",
    [
        b"{]",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"a": 3}',
        b'{"a": {"dtype": "F32"}}',
        b'{"a": {"data_offsets": [0]}}',
        b'{"a": {"data_offsets": [0, "x"]}}',
        b'{"a": {"data_offsets": null}}',
    ],
)
def test_a_damaged_header(model: Path, header: bytes) -> None:
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    message = refused(model)
    assert "is not a safetensors file: its header is damaged" in message


def test_one_damaged_shard_among_good_ones_is_named(model: Path) -> None:
    save_weights(model / "other.safetensors")
    file = model / "other.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    assert "other.safetensors is truncated" in refused(model)


# --- digests


def test_the_digest_is_of_the_content_not_of_the_place(model: Path) -> None:
    before = model_digest(model)
    assert len(before) == 64
    assert model_digest(model.rename(model.with_name("elsewhere"))) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: save_weights(folder / "model.safetensors", fill=0.25),
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.1"}'),
        lambda folder: (folder / "config.json").write_text('{"model_type": "qwen3"}'),
        lambda folder: (folder / "chat_template.jinja").write_text("other"),
        lambda folder: (folder / "generation_config.json").write_text("{}"),
        lambda folder: (folder / "chat_template.jinja").unlink(),
        lambda folder: (folder / "config.json").rename(folder / "other.json"),
    ],
)
def test_whatever_answers_depend_on_changes_the_digest(
    model: Path, change: Callable[[Path], object]
) -> None:
    before = model_digest(model)
    change(model)
    assert model_digest(model) != before


def test_other_files_do_not_change_the_digest(model: Path) -> None:
    before = model_digest(model)
    (model / "optimizer.pt").write_bytes(b"x")
    (model / "README.md").write_text("x")
    assert model_digest(model) == before


def test_sealing_does_not_change_the_digest(model: Path) -> None:
    before = model_digest(model)
    seal(model, "checkpoint", {"step": 3})
    assert model_digest(model) == before
    assert model_digest(model, recompute=False) == before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_tampering_after_the_seal_is_found(model: Path, name: str) -> None:
    seal(model, "checkpoint", {})
    content = bytearray((model / name).read_bytes())
    content[-2] ^= 1
    (model / name).write_bytes(bytes(content))
    with pytest.raises(ModelError, match="is damaged or was changed") as caught:
        model_digest(model)
    assert MANIFEST in str(caught.value)
    assert model_digest(model, recompute=False)  # sizes hold: good enough for a listing


def test_a_file_lost_after_the_seal_is_found_without_reading(model: Path) -> None:
    seal(model, "checkpoint", {})
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="is damaged or was changed"):
        model_digest(model, recompute=False)


def test_without_its_manifest_a_folder_is_used_as_it_is(model: Path) -> None:
    seal(model, "checkpoint", {})
    (model / "config.json").write_text('{"model_type": "qwen3"}')
    (model / MANIFEST).unlink()
    assert model_digest(model)


def test_an_adapters_digest_counts_its_base(adapter: Path, model: Path) -> None:
    before = model_digest(adapter)
    save_weights(model / "model.safetensors", fill=0.25)
    assert model_digest(adapter) != before


@pytest.mark.parametrize("header", ["[]", "{", '{"w": {}}', '{"w": {"shape": ["x"]}}', '{"w": 1}'])
def test_parameters_are_not_counted_in_a_damaged_header(tmp_path: Path, header: str) -> None:
    model = make_hollow_model(tmp_path / "model")
    content = len(header).to_bytes(8, "little") + header.encode()
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="its header is damaged"):
        count_parameters(model)


def test_an_adapter_has_its_bases_parameters_too(tmp_path: Path) -> None:
    base, adapter = make_hollow_model(tmp_path / "base"), make_hollow_model(tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    assert (count_parameters(base), count_parameters(adapter)) == (1, 2)
