"""Job scripts: readable, and safe whatever folders and settings are called."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from forget.cluster import Cluster
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.sizes import JobSize

__all__ = ["NOT_WANTED", "caretaker_script", "job_script", "sbatch_options"]

NOT_WANTED = 6
"""Exit status of `forget advance --guard` for a job that was given up: it is not to work."""

_WARN_S = 60
"""How long before its time limit a job writes down that it is near [s]."""

_RESTARTS = 20
"""How often a job may be put back into the queue by Slurm."""

_BODY = r"""
record() {  # what happened, for whoever asks how this job ended
  printf '%s %s %s\n' "${SLURM_JOB_ID:-0}" "${SLURM_RESTART_COUNT:-0}" "$*" >>"$folder/record"
} 2>/dev/null

guard() {  # see to it that another job waits that looks after this one
  "${forget[@]}" advance --guard --job "$name" --cluster "$cluster" --out "$out"
}

work() {  # a command by its number, after what it is; the job goes on after one that fails
  local number=$1 status; shift
  record begin "$number"
  "${forget[@]}" "$@" & child=$!
  wait "$child"; status=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done  # a signal ends a wait
  child=
  record end "$number" "$status"
  # Slurm signals one process after the other: this shell may be the next.
  if [ "$status" -gt 128 ]; then sleep 1; fi
  if [ "$status" -ne 0 ]; then failed=1; fi
}

check() {  # what the work needs must load without a network, or nothing is begun
  "${forget[@]}" "$@" && return
  record unfit
  failed=1
  finish
}

finish() {  # the next job can be submitted now, and need not wait for a caretaker
  record "done"
  kill "$keeper"
  "${forget[@]}" advance --job "$name" --cluster "$cluster" --out "$out"
  exit "$failed"
}

stop() {  # cancelled, preempted, or out of time
  record term
  kill -TERM $child $keeper
  exit 143
} 2>/dev/null

child= keeper= failed=0
trap 'record limit' USR1
trap stop TERM
record start "$(hostname)"
if [ "${SLURM_RESTART_COUNT:-0}" -gt "$restarts" ]; then echo "Started too often."; exit 1; fi
guard; if [ $? -eq "$not_wanted" ]; then exit 0; fi
(trap - USR1 TERM; while sleep "$look_every"; do guard; done) & keeper=$!
"""


def sbatch_options(
    cluster: Cluster,
    name: str,
    size: JobSize,
    *,
    dependency: str = "",
    wait_s: int = 0,
    warn: bool = True,
) -> list[str]:
    """Return what `sbatch` is told of a job.

    Args:
        cluster: Where it runs.
        name: Its name.
        size: What it asks for.
        dependency: What it waits for.
        wait_s: How long it waits at least [s].
        warn: Whether it is told when its time is nearly over.
    """
    wanted = {
        "job-name": name,
        "nodes": "1",
        "ntasks": "1",
        "cpus-per-task": str(size.cpus),
        "mem": f"{size.memory_mb}M",
        "time": size.time_min and str(size.time_min),
        "gres": cluster.gres.format(count=size.gpus) if size.gpus else None,
        "partition": size.partition,
        "account": cluster.account,
        "qos": cluster.qos,
        "constraint": cluster.constraint,
        "dependency": dependency,
        "begin": f"now+{wait_s}" if wait_s else None,
        "signal": f"B:USR1@{_WARN_S}" if warn else None,
        # The script opens its own log: the name of a folder may have what Slurm would replace.
        "output": "/dev/null",
        "chdir": str(Path.cwd()),
    }
    return [
        "--requeue",
        *(f"--{option}={value}" for option, value in wanted.items() if value),
        *cluster.options,
    ]


def job_script(
    place: Place,
    cluster: Cluster,
    name: str,
    size: JobSize,
    commands: Sequence[tuple[str, list[str]]],
    check: Sequence[str] = (),
) -> str:
    """Return the script of a job that does some commands, one after the other.

    Args:
        place: Where its folder is.
        cluster: Where it runs.
        name: Its name.
        size: What it has.
        commands: What each does, for people, and the words after ``forget``.
        check: The words that see to it that the work can be done there; none for no check.
    """
    values = {
        "name": name,
        "cluster": place.cluster,
        "out": str(place.workspace.root),
        "folder": str(place.job(name)),
        "restarts": str(_RESTARTS),
        "not_wanted": str(NOT_WANTED),
        "look_every": f"{cluster.look_every_min * 60:g}",
    }
    lines = [
        "#!/bin/bash",
        "# Each command below can be typed by hand as well, and continues what was stopped.",
        *_assignments(values),
        *_opened('"$folder/log"'),
        *_environment(cluster, size),
        _BODY.strip(),
    ]
    if check:
        lines += ["", f"check {shlex.join(check)}"]
    for number, (title, words) in enumerate(commands):
        lines += ["", f"# {_one_line(title)}", f"work {number} {shlex.join(words)}"]
    return "\n".join([*lines, "", "finish", ""])


def caretaker_script(place: Place, cluster: Cluster) -> str:
    """Return the script of the job that looks after the others."""
    values = {"cluster": place.cluster, "out": str(place.workspace.root), "log": str(place.log)}
    lines = [
        "#!/bin/bash",
        "# Looks what has ended, and submits what is ready and fits the budget.",
        *_assignments(values),
        *_opened('"$log"'),
        *_environment(cluster, None),
        '"${forget[@]}" advance --caretaker --cluster "$cluster" --out "$out"',
    ]
    return "\n".join([*lines, ""])


def _assignments(values: dict[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in values.items()]


def _opened(log: str) -> Iterator[str]:
    """Have all output go to a log, or nowhere if the disk is full: the work matters more."""
    yield f"if {{ : >>{log}; }} 2>/dev/null; then exec >>{log} 2>&1; fi"


def _environment(cluster: Cluster, size: JobSize | None) -> Iterator[str]:
    """Yield what is set up before the work; None for the caretaker, which does not work."""
    if cluster.modules:
        yield f"module load {shlex.join(cluster.modules)}"
    if cluster.offline:
        yield "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1"
    if size is not None:
        yield f"export OMP_NUM_THREADS={size.cpus}"
    if size is not None and cluster.scratch:
        # Not quoted against the shell: ${SLURM_JOB_ID} and the like are what it is for.
        escaped = cluster.scratch.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
        yield f'export TMPDIR="{escaped}"; mkdir -p "$TMPDIR"'
    for name, value in cluster.environment.items():
        yield f"export {name}={shlex.quote(value)}"
    yield from cluster.setup
    # -P: no module of the working folder hides another.
    words = [*cluster.container, sys.executable, "-P", "-m", "forget"]
    yield f"forget=({shlex.join(words)})"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
