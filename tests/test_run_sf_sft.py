"""`forget run --method sf-sft` as a whole, on a tiny model with a teacher that a test can watch."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fake_distributions import Site
from forget.store.manifest import read_manifest
from forget.training import read_examples

TEACHER = '''
import os
import time

from forget.completion import Completion
from forget.hooks import hookimpl
from forget.teacher import TeacherOutput


class Watched:
    """Right in two of three cases; writes down what it was asked and takes its time."""

    name, title, summary, family = "watched", "Watched", "for a test", "smollm2"

    def generate(self, prompts, sampling):
        from forget_datasets.arithmetic.data import examples

        answers = {example.question: example.answer for example in examples("train")}
        for index, prompt in enumerate(prompts):
            with open(os.environ["ASKED"], "a") as log:
                log.write(f"{prompt.seed}\\n")
            time.sleep(float(os.environ["PAUSE_S"]))
            answer = answers[prompt.messages[-1]["content"]] if prompt.seed % 3 else "7 or 8"
            if os.environ.get("ALWAYS_WRONG"):
                answer = "7 or 8"
            yield TeacherOutput(index, Completion(text=f"#### {answer}", finished=True, tokens=4))


@hookimpl
def forget_teachers():
    yield Watched()
'''

REGISTRY = """
[models.tiny]
title = "Tiny"
summary = "for a test"
family = "smollm2"
folder = "FOLDER"
"""

QUESTIONS, SAMPLES = 30, 2


class Runs:
    """Runs the command in processes of its own."""

    def __init__(self, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        site = Site(folder / "site", monkeypatch)
        site.install("watched-teacher", TEACHER)
        (folder / "forget.toml").write_text(REGISTRY.replace("FOLDER", str(model)))
        self.folder = folder
        self.asked = folder / "asked"
        paths = [str(site.folder), os.environ.get("PYTHONPATH", "")]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "ASKED": str(self.asked),
            "PAUSE_S": "0.02",
        }

    def start(self, out: str, *more: str, method: str = "sf-sft") -> subprocess.Popen[str]:
        teacher = ["--teacher=watched"] if method == "sf-sft" else []
        settings = {"lr": 1e-2, "max_steps": 2, "checkpoint_every": 2, "batch_size": 4,
                    "micro_batch_size": 2, "dtype": "float32"}  # fmt: skip
        if method == "sf-sft":
            settings |= {"samples": SAMPLES, "max_questions": QUESTIONS, "shots": 0}
        command = [
            sys.executable, "-m", "forget", "run", f"--method={method}", "--model=tiny",
            "--benchmarks=mini_piqa", "--limit=2", f"--out={out}", *teacher, *more,
            *(f"--set={name}={value}" for name, value in settings.items()),
        ]  # fmt: skip
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, out: str, *more: str, method: str = "sf-sft") -> tuple[str, str]:
        process = self.start(out, *more, method=method)
        printed, said = process.communicate()
        assert process.returncode == 0, said
        return printed, said

    def seeds(self) -> list[str]:
        return self.asked.read_text().split() if self.asked.exists() else []

    def data(self, out: str, method: str = "sf-sft") -> Path:
        [found] = (self.folder / out).glob(f"runs/demo/tiny/arithmetic/{method}/seed-0/data")
        return found


@pytest.fixture
def runs(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, tiny_model, monkeypatch)


@pytest.mark.slow
def test_from_questions_to_the_report_and_ground_truth_on_the_same_questions(runs: Runs) -> None:
    printed, said = runs.finish("out", "--json")
    found = json.loads(printed)
    assert [c["step"] for c in found["checkpoints"]] == [2]
    told: Any = read_manifest(runs.data("out"))
    trajectories = told.details["trajectories"]
    assert trajectories["completions"] == QUESTIONS * SAMPLES == len(runs.seeds())
    right = sum(int(seed) % 3 > 0 for seed in runs.seeds())
    assert trajectories["correct"] == right
    assert f"kept {trajectories['kept_questions']} of {QUESTIONS} questions" in said
    rows = read_examples(runs.data("out"))
    assert len(rows) == trajectories["kept_questions"] < QUESTIONS

    # Another seed learns from the same completions.
    runs.finish("out", "--seed=1")
    assert len(runs.seeds()) == QUESTIONS * SAMPLES

    kept = runs.data("out").parent.relative_to(runs.folder)
    runs.finish("out", f"--restrict-to={kept}", method="gt-sft")
    truth = read_examples(runs.data("out", "gt-sft-on-sf-sft-*"))
    assert [row.id for row in truth] == [row.question for row in rows]
    assert all("####" in row.completion for row in truth)


@pytest.mark.long
@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_asked_twice(runs: Runs) -> None:
    """A kill may lose the one completion that was being written, and no other."""
    kills = 5
    rng = random.Random(0)
    total = QUESTIONS * SAMPLES
    for kill in range(kills):
        before = len(runs.seeds())
        goal = before + rng.randint(1, total // (kills + 1))
        process = runs.start("out")
        deadline = time.monotonic() + 120
        while len(runs.seeds()) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        assert process.poll() is None, kill
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not list((runs.folder / "out").glob("runs/*/*/*/sf-sft/seed-0/data/manifest.json"))
    runs.finish("out")
    counted = Counter(runs.seeds())
    assert len(counted) == total
    assert sum(counted.values()) - total <= kills
    disturbed = read_examples(runs.data("out"))
    runs.asked.unlink()
    runs.finish("calm")
    assert len(runs.seeds()) == total
    assert read_examples(runs.data("calm")) == disturbed


@pytest.mark.long
@pytest.mark.slow
def test_settings_may_change_while_nothing_has_been_made_of_them(runs: Runs) -> None:
    """The message says which to change; the run directory must let them."""
    runs.environment["ALWAYS_WRONG"] = "1"
    process = runs.start("out", "--set=samples=1")
    _, said = process.communicate()
    assert process.returncode == 2
    assert "Nothing that the teacher 'watched' wrote" in said
    assert "--set samples=N" in said
    del runs.environment["ALWAYS_WRONG"]
    _, said = runs.finish("out", "--set=sampling_seed=1")
    assert "kept" in said
    process = runs.start("out", "--set=sampling_seed=2")
    _, said = process.communicate()
    assert process.returncode == 2
    assert "method_settings.sampling_seed was 1, now 2" in said
    # What is done is done without the teacher.
    before = len(runs.seeds())
    runs.finish("out", "--set=sampling_seed=1")
    assert len(runs.seeds()) == before
