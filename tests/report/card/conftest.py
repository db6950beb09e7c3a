"""A run that was carried out, as far as a card is concerned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import tomli_w

from forget.evaluation.record import write_record
from made_evaluations import Bench

MakeRun = Callable[..., Path]

FINGERPRINT = {
    "engine": "builtin", "device": "cpu", "device_name": "", "dtype": "float32",
    "lm-eval": "0.4.13",
}  # fmt: skip


@pytest.fixture
def make_carded_run(tmp_path: Path) -> MakeRun:
    """Return what makes a run with two checkpoints, of which the last forgot one benchmark."""

    def make(*, lora: bool = False, model_folder: str = "", **settings: Any) -> Path:
        frozen = {
            "study": "demo", "model": "smollm2-135m", "dataset": "gsm8k", "method": "gt-sft",
            "seed": 0, "method_settings": {"lr": 0.001, "epochs": 3.0}, **settings,
        }  # fmt: skip
        parts = ("study", "model", "dataset", "method")
        run = tmp_path.joinpath("runs", *(str(frozen[p]).replace("/", "--") for p in parts))
        run = run / "seed-0"
        for name in ("step-000002", "step-000004"):
            (run / "checkpoints" / name).mkdir(parents=True)
            config = "adapter_config.json" if lora else "config.json"
            (run / "checkpoints" / name / config).write_text("{}")
        versions = {"forget-llm": "0.1.0", "torch": "2.13.0"}
        provenance: dict[str, Any] = {
            "versions": versions, "hardware": {"processor": "a processor"},
        }  # fmt: skip
        if model_folder:
            provenance["model_folder"] = model_folder
        document = {"settings": frozen, "provenance": provenance}
        (run / "run.toml").write_text(tomli_w.dumps(document))
        bench = Bench(tmp_path)
        right, wrong = [1.0] * 30, [0.0] * 20 + [1.0] * 10
        known: dict[str, Any] = {"piqa": {"required_items": 1838}}
        scores = {"piqa": right, "boolq": right, "task:gsm8k": wrong}
        bench.model("base", scores, 0, **known)
        bench.model("step-000002", scores, 2, **known)
        tuned = {"piqa": wrong, "boolq": right, "task:gsm8k": right}
        bench.model("step-000004", tuned, 4, **known, task_gsm8k={"truncation_rate": 0.25})
        record = bench.record(["piqa", "boolq"], "task:gsm8k")
        write_record(
            run / "sweep.json",
            attrs.evolve(record, base_model=str(frozen["model"]), fingerprint=FINGERPRINT),
        )
        return run

    return make


def metadata(text: str) -> dict[str, Any]:
    """Return the metadata of a card, as the Hub reads them."""
    import yaml

    return json.loads(json.dumps(yaml.safe_load(text.split("---\n")[1])))  # type: ignore[no-any-return]
