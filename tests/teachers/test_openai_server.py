"""A real server on the loopback: vLLM's.

It is started as a module: the command `vllm` of the build for CPUs looks for a distribution of the
name `vllm`, which that build is not.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Sampling
from forget.errors import WorkError
from forget.teacher import Teacher, TeacherPrompt
from forget_teachers.openai import OpenaiKind, OpenaiSettings
from forget_teachers.transformers import TransformersKind, TransformersSettings
from teachers.kinds import WORKED, by_prompt, prompt, setup, texts

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        find_spec("vllm") is None, reason="vLLM is not installed: make vllm installs its CPU build"
    ),
]

KEY = "sk-of-the-tests-4711"
GREEDY = Sampling(max_new_tokens=24)
DRAWN = Sampling(max_new_tokens=24, temperature=0.8, top_p=0.9, top_k=50)
QUESTIONS = [prompt(f"What is {n} plus {n}?", seed=n) for n in range(6)]
START_S = 240


@pytest.fixture(scope="module")
def url(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    options = {
        "--model": str(smollm2),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--served-model-name": "small",
        "--dtype": "float32",
        "--max-model-len": "512",
        "--generation-config": "vllm",
    }
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"]
    command += [part for option in options.items() for part in option]
    environment = {
        **os.environ,
        "VLLM_API_KEY": KEY,
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_NO_USAGE_STATS": "1",
    }
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("wb") as stream:
        # A group of its own: its workers end with it.
        server = subprocess.Popen(
            command, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(server.pid, sign)
            server.wait(30)
            return


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    pytest.fail(f"the server did not start: {log.read_text()[-3000:]}")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def teacher(url: str, **settings: Any) -> Teacher:
    kind = OpenaiKind()
    made = OpenaiSettings(**{"model": "small", "base_url": url, **settings})
    kind.check(made)
    return kind.open(setup(made))


def test_greedy_texts_are_those_of_transformers(url: str, smollm2: Path) -> None:
    other = TransformersKind().open(setup(TransformersSettings(), smollm2))
    expected = by_prompt(other.generate(QUESTIONS, GREEDY))
    assert by_prompt(teacher(url).generate(QUESTIONS, GREEDY)) == expected


def test_seeds_are_the_prompts_own(url: str) -> None:
    same = [prompt("Name a town.", seed=seed) for seed in (3, 4, 3)]
    first, other, again = texts(teacher(url).generate(same, DRAWN))
    assert first == again != other


def test_stop_texts(url: str) -> None:
    asked = [prompt("Count: one two three four five")]
    (whole,) = texts(teacher(url).generate(asked, GREEDY))
    stop = whole[8:12]
    (cut,) = teacher(url).generate(asked, attrs.evolve(GREEDY, stops=(stop,)))
    assert cut.completion is not None
    assert (cut.completion.text, cut.completion.finished) == (whole.partition(stop)[0], True)


def test_worked_examples(url: str) -> None:
    (found,) = teacher(url, chat=False).generate([TeacherPrompt(WORKED, 0)], GREEDY)
    assert found.completion is not None
    assert (found.completion.text, found.completion.finished) == ("Paris", True)
    assert found.completion.tokens > 0


def test_a_prompt_longer_than_the_window(url: str) -> None:
    found = by_prompt(teacher(url).generate([prompt("word " * 600), *QUESTIONS], GREEDY))
    assert found[0].problem.startswith("HTTP 400: ")
    assert "512" in found[0].problem
    assert all(found[n].completion for n in range(1, 7))


def test_a_wrong_key(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    with pytest.raises(WorkError, match=r"HTTP 401: .* environment variable OPENAI_API_KEY"):
        list(teacher(url).generate(QUESTIONS, GREEDY))


def test_a_wrong_model(url: str) -> None:
    with pytest.raises(WorkError, match=r"HTTP 404: .*model \('huge'\)"):
        list(teacher(url, model="huge").generate(QUESTIONS, GREEDY))
