from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.errors import DataError, UnknownNameError
from forget.inventory.audit import Audited, Check, audit
from forget.inventory.stores import store_entries
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.manifest import MANIFEST
from forget.training.trajectories.store import LINES
from forget_benchmarks.core10 import forget_benchmarks
from forget_datasets.arithmetic import Arithmetic
from forget_datasets.gsm8k import Gsm8k
from forget_datasets.triviaqa import TriviaQa
from study_data import GT, SF, reseal


@pytest.fixture
def where(out: Path, mirror: Path) -> Audited:
    gsm8k = Gsm8k()
    gsm8k.source = attrs.evolve(Gsm8k.source, rows={"train": 2, "test": 2})
    datasets = {"gsm8k": gsm8k, "arithmetic": Arithmetic()}
    return Audited(datasets, {}, Mirror(root=mirror), out)


def checked(where: Audited, names: Sequence[str] = ()) -> dict[str, Check]:
    return {check.name: check for check in audit(names, where, Silent())}


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_intact_and_nothing_is_changed(where: Audited, out: Path) -> None:
    before = snapshot(out.parent)
    found = checked(where)
    assert {name: check.state for name, check in found.items()} == {
        "gsm8k/train.parquet": "intact",
        "gsm8k/test.parquet": "intact",
        f"{GT.format(0)}/data": "intact",
        f"{GT.format(1)}/data": "intact",
        f"{SF}/data": "intact",
        "trajectories/arithmetic/qwen3-32b-0a1b2c3d4e5f": "unfinished",
    }
    assert [check.rows for check in found.values()] == [2, 2, 8, 8, 5, 3]
    assert all(check.remedy == "" for check in found.values())
    assert snapshot(out.parent) == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gsm8k", ["gsm8k/train.parquet", "gsm8k/test.parquet"]),
        (GT.format(1), [f"{GT.format(1)}/data"]),
        (f"{GT.format(1)}/data", [f"{GT.format(1)}/data"]),
        ("trajectories", ["trajectories/arithmetic/qwen3-32b-0a1b2c3d4e5f"]),
    ],
)
def test_a_part_of_it(name: str, expected: list[str], where: Audited) -> None:
    assert list(checked(where, [name])) == expected
    assert len(checked(where, ["arithmetic"])) == 4


def test_a_folder_from_the_working_folder(
    where: Audited, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out / GT.format(0))
    assert list(checked(where, ["data"])) == [f"{GT.format(0)}/data"]


def test_a_name_that_nothing_has(where: Audited) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'gsm8k'"):
        audit(["gsm8"], where, Silent())


def test_a_name_with_nothing_to_read(where: Audited, tmp_path: Path) -> None:
    assert audit(["arithmetic"], where._replace(out=tmp_path / "none"), Silent()) == []


def edit_rows(data: Path) -> None:
    """Change a text of the examples, and seal the folder as if nothing had happened."""
    import pyarrow.parquet as pq

    table = pq.read_table(data / "train.parquet")
    rows = table.to_pylist()
    rows[0]["completion"] = "something else"
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), data / "train.parquet")
    reseal(data)


def flip(data: Path) -> None:
    file = data / "train.parquet"
    content = bytearray(file.read_bytes())
    content[40] ^= 0xFF
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (edit_rows, "do not have the digest"),
        (flip, "its SHA-256 is not the one"),
        (lambda data: reseal(data, rows=9), "8 rows, but its manifest says 9"),
        (lambda data: (data / MANIFEST).unlink(), "no manifest.json"),
        (lambda data: (data / MANIFEST).write_text("{"), "not a manifest"),
    ],
)
def test_damaged_examples(spoil: Any, says: str, where: Audited, out: Path) -> None:
    spoil(out / GT.format(0) / "data")
    found = checked(where)
    check = found[f"{GT.format(0)}/data"]
    assert check.state == "damaged"
    assert says in check.problem
    assert "run the command of its run again" in check.remedy
    assert found[f"{GT.format(1)}/data"].state == "intact"


def test_damaged_completions(where: Audited, store: Path) -> None:
    file = store / LINES
    file.write_text(file.read_text().replace("It is 7", "It is 8"))
    [check] = audit(["trajectories"], where, Silent())
    assert (check.state, check.rows) == ("damaged", 2)
    assert "1 damaged line(s) of completions.jsonl, the first is 2" in check.problem
    assert "asked anew" in check.remedy


def test_a_cut_line_is_no_damage(where: Audited, store: Path) -> None:
    file = store / LINES
    file.write_bytes(file.read_bytes()[:-5])
    [check] = audit(["trajectories"], where, Silent())
    assert (check.state, check.rows) == ("unfinished", 2)
    assert check.problem == "2 of 20; its last line was cut and is asked again"


def test_a_damaged_source(where: Audited, mirror: Path) -> None:
    file = mirror / "gsm8k" / "train.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    check = checked(where)["gsm8k/train.parquet"]
    assert (check.state, check.rows) == ("damaged", None)
    assert check.problem.endswith("truncated, corrupt or not parquet")
    assert check.remedy == f"Fetch it: forget data fetch gsm8k --data {mirror}"


def test_a_source_with_too_few_rows(where: Audited, mirror: Path) -> None:
    where.datasets["gsm8k"].source = Gsm8k.source  # type: ignore[attr-defined]
    check = checked(where)["gsm8k/train.parquet"]
    assert check.problem == "2 rows, but 7,473 are published"
    assert check.remedy.endswith("--force")


def test_a_row_that_the_dataset_refuses(where: Audited, mirror: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"question": ["1 + 1?", "2?"], "answer": ["2\n#### 2", "no closing line"]})
    pq.write_table(table, mirror / "gsm8k" / "train.parquet")
    check = checked(where)["gsm8k/train.parquet"]
    assert (check.state, check.rows) == ("damaged", 2)
    assert "train-00001" in check.problem


def test_rows_that_break_the_dataset(where: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(split: str, data: Any) -> Any:
        if data is where.mirror:
            raise KeyError("subject")
        return data.rows(where.datasets["gsm8k"].source, split)  # type: ignore[attr-defined]

    monkeypatch.setattr(where.datasets["gsm8k"], "load", load)
    check = checked(where)["gsm8k/train.parquet"]
    assert check.problem == "the dataset cannot read it (KeyError: 'subject')"


def test_a_held_out_split_of_another_name_is_checked_by_the_dataset_too(
    where: Audited, mirror: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (mirror / "triviaqa").mkdir()
    pq.write_table(pa.table({"nonsense": [1, 2]}), mirror / "triviaqa" / "validation.parquet")
    trivia = TriviaQa()
    trivia.source = attrs.evolve(TriviaQa.source, rows={})
    found = checked(where._replace(datasets={"triviaqa": trivia}))
    assert found["triviaqa/validation.parquet"].state == "damaged"
    assert "lacks the text `question`" in found["triviaqa/validation.parquet"].problem


def test_a_benchmark_is_found_by_its_folder(where: Audited, mirror: Path) -> None:
    piqa = next(b for b in forget_benchmarks() if b.name == "piqa")
    (mirror / "piqa").mkdir()
    (mirror / "piqa" / "validation.parquet").write_bytes(b"PAR1 cut")
    both = where._replace(benchmarks={"piqa": piqa})
    for name in (str(mirror), str(mirror / "piqa"), "piqa"):
        assert checked(both, [name])["piqa"].state == "damaged", name


def test_a_name_that_is_too_long_for_a_file(where: Audited) -> None:
    with pytest.raises(UnknownNameError):
        checked(where, ["a" * 300])


@pytest.mark.parametrize("spoil", [("details", []), ("details", 3), ("bytes", "x")])
def test_a_manifest_of_other_types(spoil: tuple[str, Any], where: Audited, out: Path) -> None:
    path = out / SF / "data" / MANIFEST
    plain = json.loads(path.read_text())
    place = plain if spoil[0] == "details" else plain["files"]["train.parquet"]
    place[spoil[0]] = spoil[1]
    path.write_text(json.dumps(plain))
    # A list without pairs is an empty table; what is in the manifest is then missing.
    assert checked(where)[f"{SF}/data"].state == "damaged"
    assert store_entries(out)


def test_what_is_absent_is_told_to_those_who_ask(where: Audited, mirror: Path) -> None:
    (mirror / "gsm8k" / "test.parquet").unlink()
    assert "gsm8k/test.parquet" not in checked(where)
    check = checked(where, ["gsm8k"])["gsm8k/test.parquet"]
    assert (check.state, check.remedy) == (
        "absent", f"Fetch it: forget data fetch gsm8k --data {mirror}",
    )  # fmt: skip


def test_a_mirror_that_is_not_there(where: Audited, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        audit([], where._replace(mirror=Mirror(root=tmp_path / "none")), Silent())


# --- benchmarks


def made(folder: Path, items: int) -> Benchmark:
    """A benchmark of two tasks whose file says that `test` is scored."""
    yaml = folder / "made.yaml"
    yaml.write_text("task: made\ndataset_path: a/b\ntest_split: test\nvalidation_split: dev\n")
    tasks = tuple(
        TaskFile(
            name=f"made_{part}",
            path=yaml,
            mirror={split: f"made/{part}/{split}.parquet" for split in ("test", "dev")},
        )
        for part in ("a", "b")
    )
    return Benchmark(
        name="made", title="", summary="", tasks=tasks, metric="acc", chance=0.5, items=items
    )


def write(mirror: Path, benchmark: Benchmark) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for task in benchmark.tasks:
        for split, file in task.mirror.items():
            (mirror / file).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(
                pa.table({"x": list(range({"test": 3, "dev": 1}[split]))}), mirror / file
            )


@pytest.mark.parametrize(("items", "state"), [(6, "intact"), (7, "damaged")])
def test_the_items_of_a_benchmark(
    items: int, state: str, where: Audited, mirror: Path, tmp_path: Path
) -> None:
    benchmark = made(tmp_path, items)
    with_it = where._replace(benchmarks={"made": benchmark})
    assert "made" not in checked(with_it)
    assert checked(with_it, ["made"])["made"].state == "absent"
    write(mirror, benchmark)
    check = checked(with_it)["made"]
    assert (check.rows, check.state) == (6, state)
    (mirror / benchmark.tasks[1].mirror["dev"]).unlink()
    check = checked(with_it)["made"]
    assert check.state == "damaged"
    assert "made_b is missing" in check.problem


def test_nltk_data_that_is_missing(
    where: Audited, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forget.mirror._nltk_folders", list)
    benchmark = attrs.evolve(made(tmp_path, 6), nltk=("tokenizers/none",))
    write(mirror, benchmark)
    check = checked(where._replace(benchmarks={"made": benchmark}))["made"]
    assert (check.rows, check.state) == (6, "damaged")
    assert "NLTK" in check.problem


@pytest.mark.slow
def test_the_published_benchmarks(data_root: Path, tmp_path: Path) -> None:
    benchmarks = {benchmark.name: benchmark for benchmark in forget_benchmarks()}
    where = Audited({"gsm8k": Gsm8k()}, benchmarks, Mirror(root=data_root), tmp_path)
    found = checked(where)
    assert {check.state for check in found.values()} == {"intact"}
    assert {name: found[name].rows for name in benchmarks} == {
        benchmark.name: benchmark.items for benchmark in benchmarks.values()
    }
