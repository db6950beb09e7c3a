"""The cluster: its commands, whether its controller answers, and what a profile says of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

from forget.catalogue import Cluster
from forget.doctor.asking import Answer, ask, is_there
from forget.doctor.diagnosis import Check, Found
from forget.session import Session

__all__ = ["cluster"]

_NEEDED = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
_LONGEST = 80
"""Characters of what calls itself a version."""

_LOGIN = "go to a login node, or: module load slurm"


def cluster(session: Session, name: str | None) -> Iterator[Check]:
    """Yield the checks of Slurm's commands; of a cluster too where one is asked for.

    Args:
        session: Its registry describes clusters.
        name: The cluster that is asked for.

    Raises:
        ForgetError: There is no cluster of that name, or it does not use Slurm.
    """
    profile = None if name is None else session.catalogue.cluster(name)[1]
    there = [command for command in _NEEDED if is_there(command)]
    yield Check("cluster", "commands", partial(_commands, there, wanted=profile is not None))
    if len(there) == len(_NEEDED):
        partitions = cache(_ask_partitions)  # asked once, by whichever check comes first
        yield Check("cluster", "controller", lambda: _controller(partitions(), profile))
        yield Check("cluster", "accounting", lambda: _accounting(partitions()))
    if profile is not None and profile.container:
        yield Check("cluster", "container", partial(_container, profile))


def _commands(there: list[str], *, wanted: bool) -> Found:
    missing = [command for command in _NEEDED if command not in there]
    if not missing:
        version = ask(["sinfo", "--version"])
        first = version.said.strip().partition("\n")[0][:_LONGEST]
        return Found(f"{first or 'Slurm'}: {', '.join(there)}")
    if not there:
        return Found(
            "no Slurm here: studies run by `forget run --on local`",
            "problem" if wanted else "fine",
            _LOGIN if wanted else "",
        )
    return Found(
        f"{', '.join(there)} are here, {', '.join(missing)} not",
        "problem" if wanted else "note",
        _LOGIN,
    )


def _ask_partitions() -> Answer:
    """Ask for what nobody but the controller knows."""
    return ask(["sinfo", "-h", "-o", "%R"])


def _controller(answer: Answer, profile: Cluster | None) -> Found:
    if answer.status != 0:
        return Found(
            f"does not answer: {answer.why_not}",
            "note" if profile is None else "problem",
            "wait, or ask the site; SLURM_CONF says which controller is meant",
        )
    there = sorted(set(answer.said.split()))
    text = f"answers; partitions: {', '.join(there) or 'none'}"
    lacking = sorted(_partitions(profile) - set(there))
    if not lacking:
        return Found(text)
    return Found(
        f"{text}; the profile names {', '.join(lacking)}", "problem", "mend it in forget.toml"
    )


def _partitions(profile: Cluster | None) -> set[str]:
    """Return the partitions that a profile names; several may be named by commas."""
    if profile is None:
        return set()
    named = [shape.partition for shape in profile.stages.values()]
    named += [profile.partition, profile.caretaker_partition]
    return {name for names in named if names for name in names.split(",")}


def _accounting(partitions: Answer) -> Found:
    """Ask for a job that need not be there: where there is no accounting, `sacct` says so."""
    if partitions.status != 0:
        return Found("not asked: the controller does not answer")
    if not is_there("sacct"):
        return Found("no sacct: how a job ended is known from squeue and from its own record")
    answer = ask(["sacct", "-n", "-X", "-P", "-o", "JobID", "-j", "1"])
    if answer.status == 0:
        return Found("on: how a job ended is known even if its node failed")
    return Found(f"off ({answer.why_not}): how a job ended is known from squeue and its own record")


def _container(profile: Cluster) -> Found:
    command = profile.container[0]
    if is_there(command):
        return Found(" ".join(profile.container))
    return Found(
        f"{command} is not on this machine; the jobs run {' '.join(profile.container)}",
        "note",
        f"see to it that {command} is there on the nodes: module load it, or mend forget.toml",
    )
