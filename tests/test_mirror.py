from __future__ import annotations

import hashlib
import random
import sys
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forget.dataset import Source
from forget.errors import DataError
from forget.mirror import Mirror, check_parquet, chosen_mirror, count_rows

SOURCE = Source(hub="someone/sums", config="main", mirror="sums")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror" / "sums"
    folder.mkdir(parents=True)
    rng = random.Random(0)
    rows = [{"question": f"{rng.random()} + {i} = ?", "answer": i} for i in range(5000)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    pq.write_table(pa.Table.from_pylist(rows[:20]), folder / "test.parquet")
    return tmp_path / "mirror"


def flip(path: Path, start: float, count: int = 64) -> None:
    """Invert bytes from a share of the file's length on."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * start)
    data[at : at + count] = bytes(byte ^ 0xFF for byte in data[at : at + count])
    path.write_bytes(bytes(data))


def test_rows_are_dicts_in_the_file_order(root: Path) -> None:
    rows = Mirror(root=root).rows(SOURCE, "train")
    assert len(rows) == 5000
    assert [row["answer"] for row in rows[:3]] == [0, 1, 2]
    assert set(rows[0]) == {"question", "answer"}


def test_root_may_be_a_text(root: Path) -> None:
    assert len(Mirror(root=str(root)).rows(SOURCE, "test")) == 20


def test_a_missing_split_lists_those_that_are_there(root: Path) -> None:
    with pytest.raises(DataError) as caught:
        Mirror(root=root).rows(SOURCE, "validation")
    message = str(caught.value)
    assert "'validation'" in message
    assert str(root / "sums") in message
    assert "test, train" in message
    assert "--data" in message
    assert "\n" not in message


def test_a_missing_folder_lists_those_that_are_there(root: Path) -> None:
    with pytest.raises(DataError) as caught:
        Mirror(root=root).rows(Source(hub="x/y", mirror="other"), "train")
    assert str(root / "other") in str(caught.value)
    assert "sums/" in str(caught.value)


def test_a_missing_root_is_an_error_even_for_the_hub(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Mirror(root=tmp_path / "none").rows(SOURCE, "train")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder"):
        Mirror(root=tmp_path / "file").rows(SOURCE, "train")


def test_rows_are_counted_by_the_footer_alone(root: Path) -> None:
    file = root / "sums" / "train.parquet"
    assert count_rows(file, "The sums") == 5000
    flip(file, 0.3)
    assert count_rows(file, "The sums") == 5000
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match="truncated, corrupt or not parquet"):
        count_rows(file, "The sums")


def test_the_mirror_that_was_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORGET_DATA", raising=False)
    assert chosen_mirror(None).root is None
    monkeypatch.setenv("FORGET_DATA", str(root))
    assert chosen_mirror(None).root == root
    monkeypatch.chdir(root)
    assert chosen_mirror(Path("sums")).root == root / "sums"


def test_check_parquet_counts_rows(root: Path) -> None:
    assert check_parquet(root / "sums" / "train.parquet", "The sums") == 5000
    with pytest.raises(DataError, match=r"The sums is missing.*gone\.parquet"):
        check_parquet(root / "gone.parquet", "The sums")


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_named(root: Path, keep: float) -> None:
    path = root / "sums" / "train.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    expect_corrupt(root, path)


@pytest.mark.parametrize("start", [0.05, 0.25, 0.5, 0.75, 0.9])
def test_flipped_bytes_in_a_column_page_are_found(root: Path, start: float) -> None:
    path = root / "sums" / "train.parquet"
    flip(path, start)
    expect_corrupt(root, path)


def test_flipped_bytes_are_found_by_the_checksum_where_there_is_one(root: Path) -> None:
    path = root / "sums" / "train.parquet"
    table = pa.table({"answer": list(range(5000))})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    flip(path, 0.5, count=1)
    expect_corrupt(root, path)


def test_text_is_not_parquet(root: Path) -> None:
    path = root / "sums" / "train.parquet"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    expect_corrupt(root, path)


def expect_corrupt(root: Path, path: Path) -> None:
    with pytest.raises(DataError) as caught:
        check_parquet(path, "The sums")
    assert str(path) in str(caught.value)
    with pytest.raises(DataError) as caught:
        Mirror(root=root).rows(SOURCE, "train")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_finds_or_lists(root: Path) -> None:
    mirror = Mirror(root=root)
    assert mirror.file("sums/test.parquet", "The sums") == root / "sums" / "test.parquet"
    with pytest.raises(DataError, match=r"The sums is missing.*test, train"):
        mirror.file("sums/none.parquet", "The sums")
    with pytest.raises(DataError, match=r"has sums/"):
        mirror.file("none/deep/none.parquet", "The sums")
    with pytest.raises(DataError, match="none was given"):
        Mirror().file("sums/test.parquet", "The sums")
    with pytest.raises(DataError, match="not below"):
        mirror.file("../outside.txt", "The sums")


def test_nltk_data_is_the_folder_if_it_is_there(root: Path) -> None:
    assert Mirror(root=root).nltk_data is None
    assert Mirror().nltk_data is None
    (root / "nltk_data").mkdir()
    assert Mirror(root=root).nltk_data == root / "nltk_data"


def test_nltk_data_may_be_packed_or_in_a_usual_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "usual"
    monkeypatch.setattr("forget.mirror._nltk_folders", lambda: [usual])
    assert Mirror(root=root).nltk_folder("tokenizers/punkt_tab") is None
    (usual / "tokenizers").mkdir(parents=True)
    (usual / "tokenizers" / "punkt_tab.zip").touch()
    assert Mirror(root=root).nltk_folder("tokenizers/punkt_tab") == usual
    (root / "nltk_data" / "tokenizers" / "punkt_tab").mkdir(parents=True)
    assert Mirror(root=root).nltk_folder("tokenizers/punkt_tab") == root / "nltk_data"
    assert Mirror().nltk_folder("tokenizers/punkt_tab") == usual


def test_identity_is_the_digest_or_the_revision(root: Path) -> None:
    expected = hashlib.sha256((root / "sums" / "test.parquet").read_bytes()).hexdigest()
    assert Mirror(root=root).identity(SOURCE, "test") == expected
    assert Mirror().identity(SOURCE, "test") == "hub:someone/sums@main"
    pinned = Source(hub="someone/sums", mirror="sums", revision="abc")
    assert Mirror().identity(pinned, "test") == "hub:someone/sums@abc"
    with pytest.raises(DataError, match="no split"):
        Mirror(root=root).identity(SOURCE, "validation")


def stub_datasets(monkeypatch: pytest.MonkeyPatch, load_dataset: Any) -> None:
    stub = types.ModuleType("datasets")
    stub.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", stub)


def test_the_hub_is_asked_in_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(*args: Any, **kwargs: Any) -> list[dict[str, int]]:
        asked.append((args, kwargs))
        return [{"answer": 1}]

    stub_datasets(monkeypatch, load_dataset)
    source = Source(hub="someone/sums", config="main", mirror="sums", splits={"test": "val"})
    assert Mirror().rows(source, "test") == [{"answer": 1}]
    assert asked == [(("someone/sums", "main"), {"split": "val", "revision": None})]
    with pytest.raises(DataError, match="no split 'train'; it has test"):
        Mirror().rows(source, "train")


SEVERAL = """---
configs:
- config_name: sums
  data_files: [{split: train, path: sums.jsonl}]
- config_name: products
  data_files: [{split: train, path: products.jsonl}]
---
"""


def test_several_configurations_follow_one_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Read by the real library from a folder, which it takes for a repository."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "README.md").write_text(SEVERAL)
    (hub / "sums.jsonl").write_text('{"q": "1+1"}\n{"q": "2+2"}\n')
    (hub / "products.jsonl").write_text('{"q": "2*3"}\n')
    one = Source(hub=str(hub), mirror="x", config="sums")
    assert Mirror().rows(one, "train") == [{"q": "1+1"}, {"q": "2+2"}]
    both = Source(hub=str(hub), mirror="x", config=("products", "sums"))
    assert Mirror().rows(both, "train") == [
        {"q": "2*3", "config": "products"},
        {"q": "1+1", "config": "sums"},
        {"q": "2+2", "config": "sums"},
    ]
    missing = Source(hub=str(hub), mirror="x", config=("sums", "quotients"))
    with pytest.raises(DataError, match="quotients"):
        Mirror().rows(missing, "train")


def test_a_mirror_has_one_file_of_all_configurations(root: Path) -> None:
    source = Source(hub="someone/sums", config=("a", "b"), mirror="sums")
    assert len(Mirror(root=root).rows(source, "test")) == 20


def test_a_failing_hub_is_one_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no route\n  to host")

    stub_datasets(monkeypatch, load_dataset)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError) as caught:
        Mirror().rows(SOURCE, "train")
    message = str(caught.value)
    assert "no route to host" in message
    assert "--data" in message
    assert "FORGET_DATA" in message
    assert "--data" in message
    assert "offline" in message
    assert "\n" not in message
