"""Datasets and benchmarks that can be read, asked and marked, and those that cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forget.benchmark import Benchmark
from forget.doctor.data import look_at_benchmark, look_at_dataset, look_at_nltk
from forget.doctor.models import Models
from forget.errors import DataError
from forget.evaluation.exam import BenchmarkExam
from forget.mirror import Mirror
from forget.session import Session
from forget_benchmarks import core10, mini
from forget_datasets.arithmetic import Arithmetic
from forget_datasets.gsm8k import Gsm8k

Open = Callable[..., Session]


@pytest.fixture
def models(tiny_model: Path, open_lazily: Open) -> Models:
    """The tiny model, looked at."""
    session = open_lazily()
    models = Models(session)
    models.look(session.model(str(tiny_model)), evaluated=False)
    return models


def exam(plugin: Any, name: str, mirror: Mirror) -> BenchmarkExam:
    [benchmark] = [b for b in plugin.forget_benchmarks() if b.name == name]
    return BenchmarkExam(benchmark, mirror, None)


def write_piqa(root: Path, rows: int) -> Path:
    path = root / "piqa" / "validation.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"goal": "Open a jar", "sol1": "Turn the lid.", "sol2": "Sing to it.", "label": 0}
    pq.write_table(pa.Table.from_pylist([row] * rows), path)
    return path


def test_a_dataset_is_read_asked_and_graded(mirror: Path, models: Models) -> None:
    found = look_at_dataset(Gsm8k(), Mirror(root=mirror), models)
    assert found.state == "fine"
    assert "2 examples to train on and 2 held out" in found.text
    assert f"tokenised for {next(iter(models.folders))} and marked" in found.text


def test_without_a_model_nothing_is_tokenised(open_lazily: Open) -> None:
    found = look_at_dataset(Arithmetic(), Mirror(), Models(open_lazily()))
    assert "none tokenised: no model is here" in found.text


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_dataset_file_is_missing(split: str, mirror: Path, models: Models) -> None:
    (mirror / "gsm8k" / f"{split}.parquet").unlink()
    with pytest.raises(DataError, match=f"no split '{split}'"):
        look_at_dataset(Gsm8k(), Mirror(root=mirror), models)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_dataset_file_is_cut_short(split: str, mirror: Path, models: Models) -> None:
    file = mirror / "gsm8k" / f"{split}.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"{split}.parquet .* truncated"):
        look_at_dataset(Gsm8k(), Mirror(root=mirror), models)


def test_a_split_without_rows(mirror: Path, models: Models) -> None:
    file = mirror / "gsm8k" / "train.parquet"
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(DataError, match="no example"):
        look_at_dataset(Gsm8k(), Mirror(root=mirror), models)


def test_a_benchmark_is_read_tokenised_and_marked(models: Models) -> None:
    found = look_at_benchmark(exam(mini, "mini_piqa", Mirror()), models)
    assert found.state == "fine"
    assert found.text.startswith("100 items read; 4 of them tokenised")


def test_every_task_of_a_benchmark_is_asked(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forget.doctor.data._FEW", 1)
    mmlu = exam(mini, "mini_mmlu", Mirror())
    assert len(mmlu.benchmark.tasks) == 4
    found = look_at_benchmark(mmlu, models)
    assert found.text.startswith("120 items read; 4 of them tokenised")


@pytest.mark.slow
def test_all_that_a_model_writes_is_marked(models: Models, data_root: Path) -> None:
    found = look_at_benchmark(exam(core10, "ifeval", Mirror(root=data_root)), models)
    assert found.text.startswith("541 items read; 541 of them tokenised")


def test_a_benchmark_of_which_a_part_is_there(tmp_path: Path, models: Models) -> None:
    write_piqa(tmp_path, rows=5)
    found = look_at_benchmark(exam(core10, "piqa", Mirror(root=tmp_path)), models)
    assert found.state == "note"
    assert "5 items read" in found.text
    assert "1,838 items are published" in found.text


def test_a_benchmark_file_is_missing_or_cut_short(tmp_path: Path, models: Models) -> None:
    file = write_piqa(tmp_path, rows=5)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"validation\.parquet .* truncated"):
        look_at_benchmark(exam(core10, "piqa", Mirror(root=tmp_path)), models)
    file.unlink()
    with pytest.raises(DataError, match=r"no file .*validation\.parquet"):
        look_at_benchmark(exam(core10, "piqa", Mirror(root=tmp_path)), models)


@pytest.fixture
def ifeval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """IFEval, on a machine none of whose folders has NLTK's data."""
    monkeypatch.setattr("forget.mirror._nltk_folders", lambda: [tmp_path / "usual"])
    return exam(core10, "ifeval", Mirror()).benchmark


PUNKT = "tokenizers/punkt_tab"


@pytest.mark.parametrize("place", ["mirror/nltk_data", "usual"])
def test_nltk_data_is_there(place: str, ifeval: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / place / PUNKT).mkdir(parents=True)
    found = look_at_nltk(PUNKT, ifeval, Mirror(root=tmp_path / "mirror"))
    assert found.text == f"in {tmp_path / place}"


def test_nltk_data_is_missing_from_the_mirror(ifeval: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    with pytest.raises(DataError, match=r"ifeval needs NLTK's punkt_tab"):
        look_at_nltk(PUNKT, ifeval, Mirror(root=tmp_path / "mirror"))


@pytest.mark.parametrize(("offline", "state"), [("1", "problem"), ("0", "note")])
def test_nltk_data_is_missing_without_a_mirror(
    offline: str, state: str, ifeval: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    found = look_at_nltk(PUNKT, ifeval, Mirror())
    assert (found.state, found.command) == (state, "python -m nltk.downloader punkt_tab")
