"""Slurm's own commands, and what they answer; nothing else here starts a process."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from forget.errors import RequestError, WorkError
from forget.scheduler.slurm.amounts import gpus, megabytes, minutes, trackable

__all__ = ["Listed", "Partition", "SlurmError", "ask_accounting", "cancel", "check_there",
           "list_jobs", "list_partitions", "move", "submit"]  # fmt: skip

_TIMEOUT_S = 60.0
_FIELDS = ("JobID", "State", "Reason", "tres-alloc", "tres-per-node", "NumNodes", "Name")
_MOST_WAITED_FOR = 500
"""Jobs of one dependency; the system limits the length of an argument."""

_KEPT = ("SLURM_CONF", "SLURM_JWT")
"""What a command needs of the environment to find the controller, and to be let in."""

_ENDED = frozenset(
    [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    ]
)
_WAITING = frozenset(
    ["PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"]
)


class SlurmError(WorkError):
    """A command of Slurm failed, or answered what is not understood; the message quotes it."""


class Listed(NamedTuple):
    """A job as `squeue` lists it, which it does for some minutes after its end.

    Attributes:
        job: Its number.
        name: Its name.
        state: ``PENDING``, ``RUNNING``, ``TIMEOUT``, as Slurm calls it.
        reason: Why it waits, or how it ended.
        memory_mb: Memory of all its nodes [MiB].
        cpus: Processors of all its nodes.
        gpus: GPUs of all its nodes.
    """

    job: str
    name: str
    state: str
    reason: str = ""
    memory_mb: int = 0
    cpus: int = 0
    gpus: int = 0

    @property
    def ended(self) -> bool:
        """Whether it is over; one that is completing still holds what it had."""
        return self.state in _ENDED

    @property
    def waiting(self) -> bool:
        """Whether it has not started, or not again."""
        return self.state in _WAITING


class Partition(NamedTuple):
    """What a job can have at most in a partition; None for no limit.

    Attributes:
        name: Its name.
        time_min: Longest time limit [min].
        memory_mb: Memory of its largest node [MiB].
        cpus: Processors of its largest node.
        gpus: GPUs of the node that has most.
    """

    name: str
    time_min: int | None
    memory_mb: int
    cpus: int
    gpus: int


def check_there() -> None:
    """Find out whether this machine can submit jobs at all.

    Raises:
        RequestError: There is no `sbatch`.
    """
    from shutil import which

    missing = [name for name in ("sbatch", "squeue", "scancel", "scontrol") if which(name) is None]
    if missing:
        raise RequestError(
            f"There is no {missing[0]} on this machine, so nothing can be submitted from it. Run "
            "the command on a login node of the cluster (`module load slurm` where that is needed)."
        )


def submit(arguments: Sequence[str], script: str) -> str:
    """Submit a job script and return the job's number.

    Args:
        arguments: Options of `sbatch`.
        script: Text of the script.

    Raises:
        SlurmError: It was refused, which the message quotes.
    """
    said = _run(["sbatch", "--parsable", *arguments], text=script)
    # A site may print a greeting first; a federation adds ";cluster" to the number.
    last = said.strip().rpartition("\n")[2].partition(";")[0]
    if not last.isdigit():
        raise _not_understood("sbatch --parsable", said)
    return last


def list_jobs() -> list[Listed]:
    """Return all jobs of this user that the controller still knows, by one call of `squeue`.

    Raises:
        SlurmError: The controller does not answer, or not in words that are understood.
    """
    layout = ",".join(f"{field}:|" for field in _FIELDS)
    said = _run(["squeue", "-h", "-r", "-t", "all", "--me", "-O", layout])
    # Another program's job may have a line's end in its name.
    return [_listed(line) for line in re.split(r"\n(?=\d+\|)", said.strip()) if line]


def _listed(line: str) -> Listed:
    parts = line.split("|", len(_FIELDS) - 1)
    if len(parts) < len(_FIELDS) or not parts[0].isdigit() or not parts[-1].endswith("|"):
        raise _not_understood("squeue", line)
    job, state, reason, tres, gres, nodes, name = (part.strip() for part in parts)
    counts = trackable(tres)
    try:
        per_node = gpus(gres) * (int(nodes) if nodes.isdigit() else 1)
        return Listed(
            job=job,
            name=name.removesuffix("|"),
            state=state.partition(" ")[0].rstrip("+"),
            reason=reason,
            memory_mb=megabytes(counts.get("mem", "0")),
            cpus=int(counts.get("cpu", "0")),
            gpus=int(counts.get("gres/gpu", per_node)),
        )
    except ValueError:
        raise _not_understood("squeue", line) from None


def list_partitions(name: str | None) -> list[Partition]:
    """Return the partition of a name, or all of them, the site's default first.

    Raises:
        SlurmError: The controller does not answer, or not in words that are understood.
    """
    words = ["sinfo", "-h", "-e", "-o", "%P|%l|%m|%c|%G", *(["-p", name] if name else [])]
    said = _run(words)
    found: dict[str, Partition] = {}
    for line in said.splitlines():
        new = _partition(line)
        found[new.name] = _larger(found.get(new.name, new), new)
    ordered = sorted(found.values(), key=lambda partition: not partition.name.endswith("*"))
    return [partition._replace(name=partition.name.rstrip("*")) for partition in ordered]


def _partition(line: str) -> Partition:
    try:
        name, limit, memory, cpus, gres = line.split("|", 4)
        return Partition(
            name=name,
            time_min=minutes(limit),
            memory_mb=megabytes(memory.rstrip("+")),
            cpus=int(cpus.rstrip("+")),
            gpus=gpus(gres),
        )
    except ValueError:
        raise _not_understood("sinfo", line) from None


def _larger(one: Partition, other: Partition) -> Partition:
    return one._replace(
        memory_mb=max(one.memory_mb, other.memory_mb),
        cpus=max(one.cpus, other.cpus),
        gpus=max(one.gpus, other.gpus),
    )


def ask_accounting(jobs: Iterable[str]) -> dict[str, str]:
    """Return the name of each of some jobs to the last state that the site's accounting has of it.

    Where there is no accounting, there is no answer, and that is no failure.

    Args:
        jobs: Their numbers, which a controller that lost its state gives to others again.
    """
    numbers = ",".join(jobs)
    if not numbers:
        return {}
    try:
        said = _run(["sacct", "-X", "-n", "-P", "-o", "JobName,State", "-j", numbers])
    except SlurmError:
        return {}
    lines = (line.partition("|") for line in said.splitlines() if "|" in line)
    return {name: state.partition(" ")[0].rstrip("+") for name, _, state in lines}


def cancel(jobs: Sequence[str]) -> None:
    """Cancel jobs; those that have ended already are no failure."""
    if jobs:
        _run(["scancel", *jobs])


def move(job: str, *, after: Sequence[str], name: str) -> bool:
    """Have a job that waits start when any of some others ends; say whether it still waited.

    Raises:
        SlurmError: The controller does not answer.
    """
    changes = [f"Dependency={any_end(after)}", f"JobName={name}", "StartTime=now"]
    try:
        _run(["scontrol", "update", f"JobId={job}", *changes])
    except SlurmError as error:
        if re.search(r"not pending|no longer pending|already|Invalid job id", str(error), re.I):
            return False
        raise
    return True


def any_end(jobs: Sequence[str]) -> str:
    """Write the dependency on the end of any of some jobs; of very many, on any of the first."""
    numbers = [job for job in dict.fromkeys(jobs) if job]  # all elements of an array have one
    return "?".join(f"afterany:{job}" for job in numbers[:_MOST_WAITED_FOR])


def _run(words: Sequence[str], text: str | None = None) -> str:
    """Run a command of Slurm, free of what the job that this may be has in its environment."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SINFO_"))
    }
    # A folder's name may have what the locale of this process cannot write.
    given = None if text is None else text.encode(errors="surrogateescape")
    try:
        done = subprocess.run(  # noqa: S603 - Slurm's commands, without a shell
            list(words), input=given, capture_output=True, timeout=_TIMEOUT_S,
            env={**kept, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise SlurmError(
            f"There is no {words[0]} on this machine ({os.uname().nodename})."
        ) from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"`{words[0]}` did not answer for {_TIMEOUT_S:g} s.") from None
    said, error = (out.decode(errors="replace") for out in (done.stdout, done.stderr))
    if done.returncode:
        shown = (error.strip() or said.strip() or "nothing")[-2000:]
        raise SlurmError(f"`{words[0]}` failed with status {done.returncode} and said: {shown}")
    return said


def _not_understood(command: str, said: str) -> SlurmError:
    shown = said if len(said) < 500 else said[:500] + " ..."
    return SlurmError(
        f"The answer of {command} is not understood: {shown!r}. Slurm from 22.05 on is known to "
        "work; tell us of this line and of `sinfo --version`."
    )
