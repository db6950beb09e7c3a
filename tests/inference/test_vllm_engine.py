"""vLLM beside the built-in engine: the same answers, and weights exchanged in place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Sampling
from forget.errors import ModelError, RequestError
from forget.inference import vllm_engine, vllm_process
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Complete, Generate, Request, RunningModel, Score, Work
from forget.inference.machine import Machine
from forget.inference.vllm_engine import VllmEngine, check_vllm

CPU = Machine(device="cpu", device_name="", dtype="float32")
PROMPT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"

WINDOW = 96
"""Tokens of the longest text of all tests but the last."""

needs_vllm = pytest.mark.skipif(
    find_spec("vllm") is None, reason="vLLM is not installed: make vllm installs its CPU build"
)


def answers(model: RunningModel, work: Work) -> list[Any]:
    found: dict[int, Any] = {}
    for batch in work.batches:
        found.update(zip(batch.requests, model.answer(work, batch), strict=True))
    return [found[index] for index in range(len(work.requests))]


def ask(engine: BuiltinEngine | VllmEngine, folder: Path, requests: Sequence[Request]) -> list[Any]:
    return answers(engine.load(folder), engine.prepare(requests, folder))


def drawn(seed: int, count: int = 4) -> list[Request]:
    sampling = Sampling(max_new_tokens=16, temperature=1.0, top_p=0.95, seed=seed)
    return [Complete(PROMPT.format(f"Name a town, number {n}."), sampling) for n in range(count)]


GREEDY: list[Request] = [
    *(
        Generate(
            f"Question: what is {n} plus {n}?\nAnswer:", {"until": ["\n\n"], "max_gen_toks": 24}
        )
        for n in range(4)
    ),
    Generate("One, two, three, four,", {"until": [" eight"], "max_gen_toks": 24}),
    *(
        Complete(PROMPT.format("What is the capital of France?"), Sampling(max_new_tokens=length))
        for length in (3, 12)
    ),
    Complete(
        PROMPT.format("What is the capital of France?"), Sampling(max_new_tokens=12, stops=(" of",))
    ),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[VllmEngine]:
    """One engine for all tests: starting vLLM takes most of their time."""
    made = VllmEngine(CPU)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vllm_engine, "_USUAL_WINDOW", WINDOW)
        yield made
        made.release()


@pytest.fixture(scope="module")
def changed(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of SmolLM2 that writes something else."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("changed") / "model"
    shutil.copytree(smollm2, folder)
    weights = load_file(folder / "model.safetensors")
    for name, tensor in weights.items():
        if "down_proj" in name:
            weights[name] = tensor * 0.8
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@needs_vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # vLLM's own, of its imports
class TestWriting:
    def test_texts_are_those_of_the_built_in_engine(
        self, engine: VllmEngine, smollm2: Path
    ) -> None:
        scores: list[Request] = [Score("The capital of France is", " Paris")]
        expected = ask(BuiltinEngine(CPU), smollm2, [*GREEDY, *scores])
        found = ask(engine, smollm2, [*GREEDY, *scores])
        assert found[:-1] == expected[:-1]
        assert found[-1][0] == pytest.approx(expected[-1][0], abs=1e-4)
        assert "seven" in found[4]
        assert "eight" not in found[4]
        assert {answer["finished"] for answer in found[5:7]} == {True, False}

    def test_checkpoints_are_exchanged_in_place(
        self, engine: VllmEngine, smollm2: Path, changed: Path
    ) -> None:
        first = ask(engine, smollm2, GREEDY)
        process = engine._writer._process.llm
        second = ask(engine, changed, GREEDY)
        third = ask(engine, smollm2, GREEDY)
        assert engine._writer._process.llm is process
        assert first == third
        assert second != first
        assert second == ask(BuiltinEngine(CPU), changed, GREEDY)

    @pytest.mark.long
    def test_an_exchange_that_fails_leaves_no_mixture(
        self,
        engine: VllmEngine,
        smollm2: Path,
        changed: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first = ask(engine, smollm2, GREEDY)
        llm = engine._writer._process.llm
        work, model = engine.prepare(GREEDY, changed), engine.load(changed)
        shutil.copytree(changed, tmp_path / "cut")
        weights = tmp_path / "cut" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        monkeypatch.setattr(model, "_folder", tmp_path / "cut")  # spoilt once it was loaded
        with pytest.raises(ModelError, match=r"vLLM does not run the model in .*cut"):
            answers(model, work)
        assert engine._writer._process.llm is None
        assert ask(engine, smollm2, GREEDY) == first
        assert engine._writer._process.llm is not llm

    @pytest.mark.long
    def test_an_adapter_writes_what_it_writes_merged(
        self, engine: VllmEngine, smollm2: Path, tmp_path: Path
    ) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(smollm2)
        adapted: Any = get_peft_model(
            model, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
        )
        adapted.save_pretrained(tmp_path / "adapter")
        AutoTokenizer.from_pretrained(smollm2).save_pretrained(tmp_path / "adapter")
        expected = ask(BuiltinEngine(CPU), tmp_path / "adapter", GREEDY)
        assert ask(engine, tmp_path / "adapter", GREEDY) == expected
        assert expected != ask(BuiltinEngine(CPU), smollm2, GREEDY)

    def test_drawn_texts_depend_on_seed_and_prompt_alone(
        self, engine: VllmEngine, smollm2: Path
    ) -> None:
        whole = ask(engine, smollm2, drawn(seed=1))
        assert ask(engine, smollm2, drawn(seed=1)[2:]) == whole[2:]
        assert ask(engine, smollm2, drawn(seed=2)) != whole
        assert len({answer["text"] for answer in whole}) > 1

    @pytest.mark.long
    def test_a_longer_text_than_it_was_started_for(self, engine: VllmEngine, smollm2: Path) -> None:
        (short,) = ask(engine, smollm2, [Generate("One, two,", {"max_gen_toks": 8})])
        process = engine._writer._process.llm
        (long,) = ask(engine, smollm2, [Generate("One, two,", {"max_gen_toks": WINDOW})])
        assert engine._writer._process.llm is not process
        assert long.startswith(short)
        assert len(long) > len(short)


FAILING = """
import sys
from pathlib import Path
from forget.inference.engine import Generate
from forget.inference.machine import Machine
from forget.inference.vllm_engine import VllmEngine

if __name__ == "__main__":
    engine, folder = VllmEngine(Machine(device="cpu", device_name="", dtype="float32")), sys.argv[1]
    work = engine.prepare([Generate("What is", {"max_gen_toks": 4})], Path(folder))
    model = engine.load(Path(folder))
    model.answer(work, work.batches[0])
"""


@pytest.mark.long
@needs_vllm
@pytest.mark.slow
def test_what_vllm_does_not_run_is_an_error_and_the_end(tiny_model: Path, tmp_path: Path) -> None:
    """Heads of eight numbers are none of its kernels'. Its processes must not be waited for."""
    (tmp_path / "failing.py").write_text(FAILING)
    command = [sys.executable, str(tmp_path / "failing.py"), str(tiny_model)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert f"ModelError: vLLM does not run the model in {tiny_model}" in done.stderr


def test_it_is_named_in_the_fingerprint() -> None:
    ours, theirs = BuiltinEngine(CPU).fingerprint(), VllmEngine(CPU).fingerprint()
    assert ours["engine"] in theirs["engine"]
    assert ours["engine"] != theirs["engine"]
    assert theirs["vllm"]


def test_without_vllm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_process, "find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'forget-llm\[vllm\]'"):
        check_vllm(CPU)


def test_devices_that_vllm_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_process, "find_spec", lambda _: True)
    with pytest.raises(RequestError, match="does not run on mps"):
        check_vllm(Machine(device="mps", device_name="", dtype="float32"))
    check_vllm(CPU)


def test_noise_is_told_by_smaller_batches() -> None:
    engine = VllmEngine(CPU)
    assert engine.reshaped().fingerprint()["batching"] != engine.fingerprint()["batching"]
    assert engine.reshaped().name == "vllm"
