"""How lm-eval evaluated a task: all that must be alike for two evaluations to be compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["foreign_settings", "model_arguments", "model_name"]

_OF_THE_TASK = (
    "output_type",
    "generation_kwargs",
    "filter_list",
    "metric_list",
    "process_results",
    "repeats",
)
"""Keys of a task's configuration that change answers or marks, and not what is asked."""

_THE_MODEL_ITSELF = {
    "api_key",
    "base_url",
    "delta",
    "engine",
    "gguf_file",
    "model",
    "path",
    "peft",
    "pretrained",
    "revision",
    "subfolder",
    "tokenizer",
}
"""Arguments that say which model it is and how to get at it: those of two models may differ."""

_NAMED_OTHERWISE = {"attn_implementation", "batch_size", "device", "dtype", "max_batch_size"}
"""Arguments that stand in the settings under the names that our own evaluations have."""


def foreign_settings(task: str, results: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of one task, named as those of our own evaluations where both have them.

    What lm-eval has not written down is left out.

    Args:
        task: The task.
        results: The content of lm-eval's results file.
    """
    config = results["configs"][task]
    found = {
        **_of_the_machine(results),
        **_of_the_prompt(task, results),
        "limit": (results.get("config") or {}).get("limit"),
        "task_version": (results.get("versions") or {}).get(task),
        **{key: config.get(key) for key in _OF_THE_TASK},
    }
    return {key: _text(value) for key, value in found.items() if value is not None}


def model_name(results: Mapping[str, Any]) -> str:
    """Return the name of the model that was evaluated; empty if it is not written down."""
    arguments = model_arguments(results)
    named = (arguments.get(key) for key in ("peft", "pretrained", "model", "path"))
    return str(results.get("model_name") or next(filter(None, named), ""))


def model_arguments(results: Mapping[str, Any]) -> dict[str, str]:
    """Return lm-eval's `--model_args`, which are kept as a table or as they were typed."""
    arguments = (results.get("config") or {}).get("model_args") or {}
    if not isinstance(arguments, dict):
        pairs = (part.partition("=") for part in str(arguments).split(",") if part.strip())
        arguments = {name.strip(): value.strip() for name, _, value in pairs}
    return {str(name): _text(value) for name, value in arguments.items()}


def _of_the_machine(results: Mapping[str, Any]) -> dict[str, Any]:
    config = results.get("config") or {}
    arguments = model_arguments(results)
    said = str(results.get("pretty_env_info") or "")
    device = _device(config.get("device") or arguments.get("device"), said)
    others = arguments.keys() - _THE_MODEL_ITSELF - _NAMED_OTHERWISE
    return {
        "engine": config.get("model"),
        "device": device,
        "device_name": _first(r"^(?:GPU models and configuration: *)?GPU 0: *(.+)$", said)
        if device == "cuda"
        else ("" if device else None),
        "dtype": _dtype(config.get("model_dtype") or arguments.get("dtype")),
        "attention": arguments.get("attn_implementation"),
        "batch_size": config.get("batch_size"),
        "lm-eval": results.get("lm_eval_version"),
        "torch": _first(r"^PyTorch version: *(.+)$", said),
        "transformers": results.get("transformers_version"),
        **{f"model_args.{name}": arguments[name] for name in sorted(others)},
    }


def _of_the_prompt(task: str, results: Mapping[str, Any]) -> dict[str, Any]:
    template = results.get("chat_template_sha") or _sha(results.get("chat_template"))
    system = results.get("system_instruction_sha") or _sha(results.get("system_instruction"))
    return {
        "n-shot": (results.get("n-shot") or {}).get(task),
        "chat_template": template or "none",
        "system_instruction": system or "none",
        "fewshot_as_multiturn": results.get("fewshot_as_multiturn") if template else None,
    }


def _device(named: Any, said: str) -> str | None:
    """Return the kind of device; without a name lm-eval takes a GPU if there is one."""
    if named:
        return str(named).partition(":")[0]
    available = _first(r"^Is CUDA available: *(\w+)$", said)
    return {"True": "cuda", "False": "cpu"}.get(available or "")


def _dtype(named: Any) -> str | None:
    """Return the number format; `auto` says nothing."""
    name = str(named or "auto").removeprefix("torch.")
    return None if name == "auto" else name


def _first(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else None


def _sha(text: Any) -> str | None:
    return hashlib.sha256(str(text).encode()).hexdigest() if text else None


def _text(value: Any) -> str:
    """Write a value as text; the address of a function in memory is another in every process."""
    plain = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return re.sub(r" at 0x[0-9a-f]+", "", plain)
