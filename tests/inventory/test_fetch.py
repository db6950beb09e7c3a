"""Filling a mirror. The Hub is a folder here: `datasets` takes one wherever it takes an id."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.dataset import Source
from forget.errors import StorageError, WorkError
from forget.inventory.fetch import Fetched, Wanted, fetch, wanted
from forget.mirror import Mirror, hub_dataset
from forget.progress import Silent
from forget_benchmarks.core10 import forget_benchmarks
from forget_datasets.arithmetic import Arithmetic
from forget_datasets.gsm8k import Gsm8k

CARD = """\
---
configs:
- config_name: algebra
  data_files:
  - {split: train, path: algebra/train.parquet}
  - {split: test, path: algebra/test.parquet}
- config_name: geometry
  data_files:
  - {split: train, path: geometry/train.parquet}
  - {split: test, path: geometry/test.parquet}
---
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` keeps what it has read in a folder of this test."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A repository with two configurations of two splits, with nested and null values."""
    folder = tmp_path / "hub"
    for config, start in (("algebra", 0), ("geometry", 10)):
        (folder / config).mkdir(parents=True)
        for split, count in (("train", 4), ("test", 2)):
            rows = [
                {
                    "question": f"{config} {split} {n} é",
                    "answer": {"value": str(n), "aliases": ["a"] * (n % 3)},
                    "level": None if n % 2 else n,
                }
                for n in range(start, start + count)
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / config / f"{split}.parquet")
    (folder / "README.md").write_text(CARD)
    return folder


def source(hub: Path, **changes: Any) -> Source:
    values: dict[str, Any] = {"hub": str(hub), "mirror": "sums", "config": "algebra", **changes}
    return Source(**values)


def dataset(source: Source) -> Gsm8k:
    """A dataset that reads a source."""
    made = Gsm8k()
    made.name, made.source = "sums", source
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "new" / "mirror"


def states(found: Sequence[Fetched]) -> list[tuple[str, str, int | None]]:
    return [(item.file, item.state, item.rows) for item in found]


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_mirrors_row_equals_the_hubs(hub: Path, root: Path) -> None:
    sums = source(hub, rows={"train": 4, "test": 2})
    found = fetch(wanted([dataset(sums)], []), root, False, Silent())
    assert states(found) == [
        ("sums/train.parquet", "written", 4),
        ("sums/test.parquet", "written", 2),
    ]
    assert names(root) == ["sums/test.parquet", "sums/train.parquet"]
    assert found[0].bytes == (root / "sums" / "train.parquet").stat().st_size
    assert found[0].origin == f"{hub}, algebra"
    for split in ("train", "test"):
        from_mirror = Mirror(root=root).rows(sums, split)
        assert from_mirror == Mirror().rows(sums, split)
        assert from_mirror == pq.read_table(hub / "algebra" / f"{split}.parquet").to_pylist()
        schemas = [hub_dataset(sums, split).features.arrow_schema]
        schemas.append(pq.read_schema(root / "sums" / f"{split}.parquet"))
        assert schemas[0] == schemas[1].remove_metadata()


def test_several_configurations_follow_one_another(hub: Path, root: Path) -> None:
    both: Any = ("algebra", "geometry")
    sums = source(hub, config=both)
    [train, _] = fetch(wanted([dataset(sums)], []), root, False, Silent())
    assert (train.rows, train.origin) == (8, f"{hub}, algebra, ...")
    rows = Mirror(root=root).rows(sums, "train")
    assert [row["question"].split()[0] for row in rows] == ["algebra"] * 4 + ["geometry"] * 4
    assert rows == Mirror().rows(sums, "train")


def test_what_is_there_is_left_alone(hub: Path, root: Path) -> None:
    items = wanted([dataset(source(hub))], [])
    fetch(items, root, False, Silent())
    (root / "sums" / "test.parquet").unlink()
    before = (root / "sums" / "train.parquet").stat().st_mtime_ns
    found = fetch(items, root, False, Silent())
    assert [item.state for item in found] == ["kept", "written"]
    assert (root / "sums" / "train.parquet").stat().st_mtime_ns == before
    found = fetch(items, root, True, Silent())
    assert [item.state for item in found] == ["written", "written"]


def test_a_damaged_file_is_fetched_again(hub: Path, root: Path) -> None:
    items = wanted([dataset(source(hub))], [])
    fetch(items, root, False, Silent())
    file = root / "sums" / "train.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    assert [item.state for item in fetch(items, root, False, Silent())] == ["written", "kept"]
    assert len(Mirror(root=root).rows(source(hub), "train")) == 4


def test_a_part_of_a_split_is_kept_and_told(hub: Path, root: Path) -> None:
    items = wanted([dataset(source(hub, rows={"train": 4}))], [])
    (root / "sums").mkdir(parents=True)
    part = pq.read_table(hub / "algebra" / "train.parquet").slice(0, 3)
    pq.write_table(part, root / "sums" / "train.parquet")
    train, _ = fetch(items, root, False, Silent())
    assert (train.state, train.rows) == ("kept", 3)
    assert train.problem == "3 rows where 4 are published; --force fetches it again"
    train, _ = fetch(items, root, True, Silent())
    assert (train.state, train.rows, train.problem) == ("written", 4, "")


def test_another_number_of_rows_than_published_is_not_written(hub: Path, root: Path) -> None:
    items = wanted([dataset(source(hub, rows={"train": 5}))], [])
    train, test = fetch(items, root, False, Silent())
    assert (train.state, test.state) == ("failed", "written")
    assert "has 4 rows on the Hub, and it should have 5" in train.problem
    assert names(root) == ["sums/test.parquet"]


def test_one_that_fails_does_not_stop_the_others(hub: Path, root: Path) -> None:
    bad = dataset(source(hub, config="nowhere", mirror="bad"))
    found = fetch(wanted([bad, dataset(source(hub))], []), root, False, Silent())
    assert [item.state for item in found] == ["failed", "failed", "written", "written"]
    assert "nowhere" in found[0].problem
    assert names(root) == ["sums/test.parquet", "sums/train.parquet"]


def test_without_a_network(hub: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = wanted([dataset(source(hub)), dataset(source(hub, mirror="more"))], [])
    import datasets

    real = datasets.load_dataset

    def breaks(*arguments: Any, **options: Any) -> Any:
        if (root / "sums" / "test.parquet").is_file():
            raise ConnectionError("Couldn't reach it")
        return real(*arguments, **options)

    monkeypatch.setattr(datasets, "load_dataset", breaks)
    with pytest.raises(WorkError, match="cannot be reached") as caught:
        fetch(items, root, False, Silent())
    assert "2 file(s) were written before" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 1
    assert names(root) == ["sums/test.parquet", "sums/train.parquet"]
    monkeypatch.undo()
    found = fetch(items, root, False, Silent())
    assert [item.state for item in found] == ["kept", "kept", "written", "written"]


def test_a_write_that_is_interrupted_leaves_what_was_there(
    hub: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = wanted([dataset(source(hub))], [])
    fetch(items, root, False, Silent())
    before = (root / "sums" / "train.parquet").read_bytes()
    import datasets

    def stops(self: Any, path: str) -> None:
        Path(path).write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.Dataset, "to_parquet", stops)
    with pytest.raises(KeyboardInterrupt):
        fetch(items, root, True, Silent())
    assert (root / "sums" / "train.parquet").read_bytes() == before
    assert names(root) == ["sums/test.parquet", "sums/train.parquet"]


def test_a_full_disk(hub: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def full(self: Any, path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.Dataset, "to_parquet", full)
    with pytest.raises(StorageError, match="The disk is full"):
        fetch(wanted([dataset(source(hub))], []), root, False, Silent())
    assert names(root) == []


# --- benchmarks


def benchmark(folder: Path, hub: Path, **changes: Any) -> Benchmark:
    (folder / "base.yaml").write_text(f"dataset_path: {hub}\ndataset_name: geometry\n")
    yaml = folder / "made.yaml"
    yaml.write_text(
        "include: base.yaml\ntask: made\ndataset_name: algebra\ntest_split: test\n"
        "process_docs: !function utils.nothing\n"
    )
    task = TaskFile(name="made", path=yaml, mirror={"test": "made/deep/held_out.parquet"})
    record = Benchmark(
        name="made", title="", summary="", tasks=(task,), metric="acc", chance=0.5, items=2
    )
    return attrs.evolve(record, **changes)


def test_a_benchmark_by_its_task_file(hub: Path, root: Path, tmp_path: Path) -> None:
    found = fetch(wanted([], [benchmark(tmp_path, hub)]), root, False, Silent())
    assert states(found) == [("made/deep/held_out.parquet", "written", 2)]
    assert found[0].origin == f"{hub}, algebra"
    rows = pq.read_table(root / "made" / "deep" / "held_out.parquet").to_pylist()
    assert rows == pq.read_table(hub / "algebra" / "test.parquet").to_pylist()


def test_the_files_of_core10_are_the_documented_ones() -> None:
    items = wanted([Gsm8k(), Arithmetic()], list(forget_benchmarks()))
    origins = {item.file: item.origin for item in items}
    assert len(origins) == len(items) == 2 + 9 + 114 + 1
    assert origins["gsm8k/test.parquet"] == "openai/gsm8k, main"
    assert origins["truthfulqa_mc/validation.parquet"] == (
        "truthfulqa/truthful_qa, multiple_choice"
    )
    assert origins["mmlu/subjects/anatomy/dev.parquet"] == "cais/mmlu, anatomy"
    assert origins["ifeval/train.parquet"] == "google/IFEval"
    assert origins["nltk_data/tokenizers/punkt_tab"] == "NLTK"


@pytest.mark.slow
def test_the_files_of_a_mirror_that_was_made_by_hand(data_root: Path) -> None:
    """All files that would be fetched are in the mirror that the benchmarks are tested with."""
    items = wanted([Gsm8k()], list(forget_benchmarks()))
    found = fetch(items, data_root, False, Silent())
    assert {item.state for item in found} == {"kept"}
    assert not any(item.problem for item in found)


# --- NLTK


def fake_nltk(monkeypatch: pytest.MonkeyPatch, download: Any) -> None:
    import types

    monkeypatch.setitem(sys.modules, "nltk", types.SimpleNamespace(download=download))


def test_nltk_data(hub: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(name: str, download_dir: str, **_: Any) -> bool:
        asked.append(name)
        folder = Path(download_dir) / "tokenizers" / name / "english"
        folder.mkdir(parents=True)
        (folder / "starters.txt").write_text("The")
        (Path(download_dir) / "tokenizers" / f"{name}.zip").touch()
        return True

    fake_nltk(monkeypatch, download)
    items = wanted([], [benchmark(tmp_path, hub, nltk=("tokenizers/punkt_tab",))])
    _, second = fetch(items, root, False, Silent())
    assert (second.file, second.state) == ("nltk_data/tokenizers/punkt_tab", "written")
    assert names(root / "nltk_data") == ["tokenizers/punkt_tab/english/starters.txt"]
    Mirror(root=root).check_nltk(["tokenizers/punkt_tab"], "made")
    assert [item.state for item in fetch(items, root, False, Silent())] == ["kept", "kept"]
    assert asked == ["punkt_tab"]


@pytest.mark.slow
@pytest.mark.parametrize("root_user", [True, False])
def test_the_real_downloader(
    root_user: bool, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NLTK's own code, with a server that is a function; in a home folder it does not unpack."""
    import hashlib
    import io
    import tempfile
    import zipfile

    import nltk

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("punkt_tab/english/starters.txt", "The")
    content = packed.getvalue()
    index = f"""<?xml version="1.0"?><nltk_data><packages><package id="punkt_tab" name="p"
        subdir="tokenizers" unzip="1" size="{len(content)}" unzipped_size="3"
        checksum="{hashlib.md5(content).hexdigest()}"
        sha256_checksum="{hashlib.sha256(content).hexdigest()}"
        url="https://raw.githubusercontent.com/nltk/nltk_data/punkt_tab.zip"/></packages>
        <collections/></nltk_data>""".encode()

    def answer(url: Any, **_: Any) -> io.BytesIO:
        return io.BytesIO(content if str(url).endswith(".zip") else index)

    monkeypatch.setattr(nltk.downloader, "urlopen", answer)
    monkeypatch.setattr(nltk.downloader, "_shared_install", lambda _: root_user, raising=False)
    monkeypatch.setattr(nltk.downloader, "_downloader", nltk.downloader.Downloader())
    monkeypatch.setattr(nltk, "download", nltk.downloader._downloader.download)
    monkeypatch.setattr(nltk.data, "path", [*nltk.data.path])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    [found] = fetch([Wanted("made", "nltk_data/tokenizers/punkt_tab", None)], root, False, Silent())
    assert (found.state, found.problem) == ("written", "")
    assert names(root) == ["nltk_data/tokenizers/punkt_tab/english/starters.txt"]


def test_nltk_data_that_cannot_be_had(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **_: Any) -> bool:
        raise ValueError("Error loading punkt_tab: <urlopen error>")

    fake_nltk(monkeypatch, download)
    item = Wanted("made", "nltk_data/tokenizers/punkt_tab", None)
    [found] = fetch([item], root, False, Silent())
    assert found.state == "failed"
    assert "python -m nltk.downloader -d nltk_data punkt_tab" in found.problem
    assert names(root) == []


def test_the_real_downloader_without_a_network(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    monkeypatch.setattr(nltk.downloader._downloader, "_url", "http://127.0.0.1:9/index.xml")
    item = Wanted("made", "nltk_data/tokenizers/punkt_tab", None)
    [found] = fetch([item], root, False, Silent())
    assert found.state == "failed"
    assert names(root) == []
