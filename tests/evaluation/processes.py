"""Sweeps in processes of their own that begin at once: forked from one that has imported all.

    python processes.py MODEL

reads a line of JSON for each round of sweeps that run beside each other, a list of objects with

    out           the output folder
    models        model folders, the base first
    shard         such as "1/2"; null for all of the work
    kill_after_s  when to kill it by SIGKILL; null never

and answers with a line: how each ended (as `os.waitpid` has it) and how long the round took.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from forget.evaluation.exam import BenchmarkExam, Exam, TaskExam
from forget.evaluation.shards import parse_shard
from forget.evaluation.sweep import Sweep
from forget.inference.builtin import BuiltinEngine
from forget.inference.machine import Machine
from forget.inference.weights import model_digest
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.layout import Workspace
from forget_benchmarks import mini
from forget_datasets.arithmetic import Arithmetic

NODES, WRITTEN = 80, 250
"""So few that each model has dozens of batches of both kinds."""


def exams() -> list[Exam]:
    benchmarks = {benchmark.name: benchmark for benchmark in mini.forget_benchmarks()}
    dataset = Arithmetic()
    dataset.max_new_tokens = 6
    return [
        BenchmarkExam(benchmarks["mini_piqa"], Mirror(), 8),
        TaskExam(dataset, Mirror(), 12),
    ]


def sweep(job: dict[str, Any]) -> None:
    shard = parse_shard(job["shard"]) if job["shard"] else None
    machine = Machine(device="cpu", device_name="", dtype="float32")
    engine = BuiltinEngine(machine, nodes=NODES, written=WRITTEN)
    found = Sweep(Workspace(Path(job["out"])), engine, exams(), shard)
    for folder in map(Path, job["models"]):
        found.run(folder, model_digest(folder), folder.name, Silent())


def fork(job: dict[str, Any], gate: tuple[int, int]) -> int:
    """Start a sweep that waits until the gate is open, that is, closed for writing."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.close(gate[1])
        os.read(gate[0], 1)
        sweep(job)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def carry_out(jobs: list[dict[str, Any]]) -> dict[str, Any]:
    gate = os.pipe()
    children = [fork(job, gate) for job in jobs]
    os.close(gate[1])
    os.close(gate[0])
    start = time.monotonic()
    killed = [(job["kill_after_s"], child) for job, child in zip(jobs, children, strict=True)]
    for after_s, child in sorted(pair for pair in killed if pair[0] is not None):
        time.sleep(max(0.0, start + after_s - time.monotonic()))
        os.kill(child, signal.SIGKILL)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return {"statuses": statuses, "seconds": time.monotonic() - start}


def main() -> None:
    torch.set_num_threads(1)
    with TemporaryDirectory() as out:  # what the first use of a library costs is paid here
        sweep({"out": out, "models": sys.argv[1:], "shard": None})
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
