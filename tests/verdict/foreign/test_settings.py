from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foreign_results import make_results
from forget.verdict.foreign.settings import foreign_settings, model_arguments, model_name

ENVIRONMENT = """PyTorch version: 2.6.0+cu124
Is debug build: False
Is CUDA available: True
GPU models and configuration: {}GPU 0: NVIDIA A100-SXM4-80GB
Nvidia driver version: 550
"""


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Any]:
    file = make_results(tmp_path, {"t": {"acc": [1]}})
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_all_that_is_told(results: dict[str, Any]) -> None:
    assert foreign_settings("t", results) == {
        "engine": "hf",
        "device": "cpu",
        "device_name": "",
        "dtype": "float32",
        "batch_size": "16",
        "lm-eval": "0.4.13",
        "torch": "2.13.0+cpu",
        "transformers": "5.17.0",
        "n-shot": "0",
        "chat_template": "none",
        "system_instruction": "none",
        "task_version": "1.0",
        "output_type": "multiple_choice",
        "metric_list": '[{"metric": "acc"}]',
        "repeats": "1",
    }


def test_what_old_versions_did_not_tell(results: dict[str, Any]) -> None:
    least = {"results": {}, "configs": {"t": {}}}
    told = {"chat_template": "none", "system_instruction": "none"}
    assert foreign_settings("t", least) == told
    assert model_name(least) == ""


@pytest.mark.parametrize("first", ["", "\n"])
def test_the_gpu(first: str, results: dict[str, Any]) -> None:
    results["pretty_env_info"] = ENVIRONMENT.format(first)
    results["config"]["device"] = None  # lm-eval takes the GPU there is
    found = foreign_settings("t", results)
    assert found["device"] == "cuda"
    assert found["device_name"] == "NVIDIA A100-SXM4-80GB"
    assert found["torch"] == "2.6.0+cu124"
    results["config"]["device"] = "cuda:0"
    assert foreign_settings("t", results)["device"] == "cuda"


def test_a_device_that_nobody_tells(results: dict[str, Any]) -> None:
    results["config"]["device"] = results["pretty_env_info"] = None
    assert not {"device", "device_name", "torch"} & foreign_settings("t", results).keys()


@pytest.mark.parametrize(
    "arguments",
    [
        {
            "pretrained": "a/b",
            "dtype": "bfloat16",
            "max_length": 2048,
            "tokenizer": "c",
            "api_key": 1,
        },
        "pretrained=a/b,dtype=bfloat16, max_length=2048,tokenizer=c,api_key=1",
    ],
)
def test_the_arguments_of_the_model(arguments: Any, results: dict[str, Any]) -> None:
    """Which model it is may differ; what else is done to it may not."""
    del results["config"]["model_dtype"], results["model_name"]
    results["config"]["model_args"] = arguments
    found = foreign_settings("t", results)
    assert found["dtype"] == "bfloat16"
    assert {key: value for key, value in found.items() if key.startswith("model_args")} == {
        "model_args.max_length": "2048"
    }
    assert model_arguments(results)["tokenizer"] == "c"
    assert model_name(results) == "a/b"


def test_the_number_format_that_was_left_to_the_model(results: dict[str, Any]) -> None:
    results["config"] |= {"model_dtype": None, "model_args": "pretrained=a,dtype=auto"}
    assert "dtype" not in foreign_settings("t", results)


def test_chat_templates_and_system_prompts(results: dict[str, Any]) -> None:
    results["chat_template"] = "{{messages}}"
    results["system_instruction_sha"] = "abc"
    found = foreign_settings("t", results)
    assert len(found["chat_template"]) == 64
    assert found["system_instruction"] == "abc"
    assert found["fewshot_as_multiturn"] == "true"


def test_addresses_of_functions_are_left_out(results: dict[str, Any]) -> None:
    results["configs"]["t"]["process_results"] = "<function f at 0x7f3a>"
    assert foreign_settings("t", results)["process_results"] == "<function f>"
    results["configs"]["t"]["filter_list"] = [{"f": "<function g at 0x7f3b>"}]
    assert foreign_settings("t", results)["filter_list"] == '[{"f": "<function g>"}]'
