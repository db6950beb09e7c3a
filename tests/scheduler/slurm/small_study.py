"""A study in small: two tiny models, three datasets, three methods, on a small cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from slurm_cluster import SlurmCluster
from tiny_models import make_model

REGISTRY = """
[studies.small]
summary = "the shape of the real ones"
models = {models}
datasets = {datasets}
methods = {methods}
benchmarks = ["mini_piqa", "mini_mmlu"]
limit = 4
task_limit = 2

[studies.small.settings]
max_steps = 2
checkpoint_every = 1
batch_size = 2
micro_batch_size = 2
max_train_examples = 12
drift_prompts = 0
max_length = 1024
max_prompt_length = 1024

[[studies.small.overrides]]
method = "spin"
settings = {{ rounds = 1, questions_per_round = 4, max_completion_length = 8 }}

[[studies.small.overrides]]
method = "grpo"
settings = {{ num_generations = 2, max_completion_length = 8 }}

[clusters.ci]
summary = "a throw-away Slurm"
scheduler = "slurm"
cpus_per_job = 1
memory_gb = 1.0
caretaker_memory_gb = 0.25
look_every_min = 0.2
offline = {offline}
{cluster}
"""
"""With a cap of 2.5 GB there is room for two jobs and two caretakers."""


def make_models(folder: Path) -> list[Path]:
    """Make two models of different weights, whose contexts are long enough for real problems."""
    from safetensors.torch import load_file, save_file

    made = []
    for number, name in enumerate(("ant", "bee"), start=1):
        model = make_model(folder / name)
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}))
        weights = load_file(model / "model.safetensors")
        scaled = {key: tensor * number for key, tensor in weights.items()}
        save_file(scaled, model / "model.safetensors", metadata={"format": "pt"})
        made.append(model)
    return made


class SmallStudy:
    """The study, and the commands that are about it.

    Attributes:
        folder: Where its registry, its models and its output are.
        out: The output folder.
    """

    def __init__(
        self, folder: Path, models: list[Path], data: Path | None, cluster: str, **choices: Any
    ) -> None:
        self.folder, self.out, self.data = folder, folder / "out", data
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {
            "models": [str(model) for model in models],
            "datasets": ["arithmetic", "gsm8k", "triviaqa"],
            "methods": ["gt-sft", "spin", "grpo"],
            "offline": False,
            **choices,
        }
        text = REGISTRY.format(
            cluster=cluster, **{name: json.dumps(value) for name, value in wanted.items()}
        )
        (folder / "forget.toml").write_text(text)

    def forget(
        self, *words: str, cluster: SlurmCluster | None = None, status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of forget in the study's folder, and check how it ends."""
        done = subprocess.run(
            [sys.executable, "-m", "forget", *words, "--out", str(self.out)],
            cwd=self.folder, env=self.environment(cluster), capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def environment(self, cluster: SlurmCluster | None) -> dict[str, str]:
        """Return the environment of its commands."""
        plain = {**os.environ, "OMP_NUM_THREADS": "1"}
        plain.pop("FORGET_DATA", None)
        if self.data is not None:
            plain["FORGET_DATA"] = str(self.data)
        return {**plain, **(cluster.variables if cluster is not None else {})}

    def submit(self, cluster: SlurmCluster, *words: str) -> dict[str, Any]:
        """Submit it."""
        command = ("run", "--study", "small", "--on", "slurm", "--cluster", "ci", "--json")
        plain: dict[str, Any] = json.loads(self.forget(*command, *words, cluster=cluster).stdout)
        return plain

    def units(self) -> dict[str, str]:
        """Return the state of each of its units."""
        plan = json.loads(self.forget("plan", "--study", "small", "--json").stdout)
        return {unit["name"]: unit["state"] for unit in plan["units"]}
