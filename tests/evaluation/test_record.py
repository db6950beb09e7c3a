from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import DataError
from forget.evaluation.record import (
    ModelLine,
    SweepRecord,
    read_record,
    recorded_digests,
    write_record,
)

BASE = ModelLine(
    name="base",
    step=0,
    digest="b" * 64,
    evaluations={"piqa": "evaluations/bb/piqa-1/stock", "task:gsm8k": "evaluations/bb/t-1/stock"},
)
RECORD = SweepRecord(
    title="runs/demo/smollm2-135m/gsm8k/gt-sft/seed-0",
    base_model="smollm2-135m",
    benchmarks=("piqa", "boolq"),
    task="task:gsm8k",
    base=BASE,
    checkpoints=(
        attrs.evolve(BASE, name="step-000100", step=100, digest="c" * 64),
        attrs.evolve(BASE, name="/größe/final", step=None, evaluations={}),
    ),
    fingerprint={"engine": "stock", "device": "cpu", "batch_size": "16"},
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        attrs.evolve(RECORD, task=None),
        attrs.evolve(RECORD, checkpoints=()),
        attrs.evolve(RECORD, benchmarks=()),
    ],
)
def test_a_record_comes_back_as_it_was(tmp_path: Path, record: SweepRecord) -> None:
    write_record(tmp_path / "new" / "sweep.json", record)
    assert read_record(tmp_path / "new" / "sweep.json") == record


def test_a_record_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    write_record(path, RECORD)
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert plain["checkpoints"][1]["name"] == "/größe/final"
    assert plain["base"]["evaluations"]["piqa"] == "evaluations/bb/piqa-1/stock"
    assert "größe" in path.read_text(encoding="utf-8")


def test_a_run_that_was_not_evaluated(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_record(tmp_path / "sweep.json")
    message = str(caught.value)
    assert f"{tmp_path} has not been evaluated yet" in message
    assert "`forget run`" in message


def without(key: str) -> Any:
    return lambda plain: {name: value for name, value in plain.items() if name != key}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without("base"), "base"),
        (without("fingerprint"), "fingerprint"),
        (lambda plain: plain | {"extra": 1}, "extra"),
        (lambda plain: plain | {"benchmarks": [1]}, "benchmarks"),
        (lambda plain: plain | {"base": plain["base"] | {"step": "soon"}}, r"base\.step"),
        (lambda plain: plain | {"base": plain["base"] | {"evaluations": []}}, "evaluations"),
        (lambda plain: plain | {"checkpoints": [3]}, "checkpoints"),
        (lambda plain: [plain], "table"),
        (lambda plain: None, "table"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, damage: Any, reason: str) -> None:
    path = tmp_path / "sweep.json"
    write_record(path, RECORD)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=reason) as caught:
        read_record(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is damaged: ")
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b'{"title": "x"'])
def test_a_record_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sweep.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"sweep\.json is damaged"):
        read_record(path)


def test_the_digests_alone(tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    assert recorded_digests(path) == {}
    write_record(path, RECORD)
    assert recorded_digests(path) == {line.name: line.digest for line in RECORD.checkpoints}
    for text in ("{", "[]", '{"checkpoints": [1]}'):
        path.write_text(text)
        assert recorded_digests(path) == {}
