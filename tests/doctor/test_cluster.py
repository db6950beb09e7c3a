"""Slurm that answers, does not, or is not there; stand-ins for its commands, and a real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forget.doctor.cluster import cluster
from forget.doctor.diagnosis import Found
from forget.errors import ForgetError
from forget.session import Session
from scheduler.slurm.fake_commands import FakeCommands
from slurm_cluster import SlurmCluster, slurm_cluster

Open = Callable[..., Session]
PROFILE = """\
[clusters.ours]
summary = "ours"
scheduler = "slurm"
partition = "gpu,long"
caretaker_partition = "small"
container = ["{container}", "exec", "image.sif"]
[clusters.ours.stages.evaluate]
partition = "main"
"""
ALL = ("sbatch", "squeue", "scancel", "scontrol")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    """A folder of commands, and none of Slurm's beside them."""
    found = FakeCommands(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("PATH", f"{found.folder}:{_without_slurm(tmp_path / 'sbin')}")
    return found


def _without_slurm(folder: Path) -> Path:
    folder.mkdir()
    for name in ("bash", "cat", "sleep"):
        (folder / name).symlink_to(f"/bin/{name}")
    return folder


@pytest.fixture
def profile(open_lazily: Open, tmp_path: Path) -> Callable[[str], Session]:
    def write(container: str = "apptainer") -> Session:
        file = tmp_path / "clusters.toml"
        file.write_text(PROFILE.format(container=container))
        return open_lazily(registries=[file])

    return write


def look(session: Session, name: str | None = None) -> dict[str, Found]:
    return {check.name: check.look() for check in cluster(session, name)}


def answering(system: FakeCommands, partitions: str = "gpu\nlong\nsmall\nmain\n") -> None:
    for command in ALL:
        system.answer(command)
    system.answer("sinfo", partitions)
    system.answer("sacct")


def test_no_slurm(system: FakeCommands, open_lazily: Open, profile: Callable[..., Session]) -> None:
    found = look(open_lazily())
    assert list(found) == ["commands"]
    assert found["commands"].state == "fine"
    asked = look(profile(), "ours")["commands"]
    assert (asked.state, "login node" in asked.remedy) == ("problem", True)


def test_a_part_of_slurm(system: FakeCommands, open_lazily: Open) -> None:
    system.answer("squeue")
    found = look(open_lazily())["commands"]
    assert found.state == "note"
    assert found.text == "squeue are here, sbatch, scancel, scontrol, sinfo not"


def test_all_is_well(system: FakeCommands, profile: Callable[..., Session]) -> None:
    answering(system)
    system.answer("apptainer")
    found = look(profile(), "ours")
    assert {what.state for what in found.values()} == {"fine"}
    assert found["controller"].text == "answers; partitions: gpu, long, main, small"
    assert found["accounting"].text.startswith("on: ")
    assert found["container"].text == "apptainer exec image.sif"
    assert len(system.heard("sinfo")) == 2  # its version, and the partitions once


def test_a_partition_that_there_is_not(
    system: FakeCommands, open_lazily: Open, profile: Callable[..., Session]
) -> None:
    answering(system, "gpu\nmain\n")
    assert look(open_lazily())["controller"].state == "fine"
    found = look(profile(), "ours")["controller"]
    assert (found.state, found.remedy) == ("problem", "mend it in forget.toml")
    assert found.text.endswith("the profile names long, small")


def test_a_controller_that_does_not_answer(
    system: FakeCommands, open_lazily: Open, profile: Callable[..., Session]
) -> None:
    answering(system)
    refused = "slurm_load_partitions: Unable to contact slurm controller (connect failure)"
    system.answer("sinfo", error=f"{refused}\n", status=1)
    found = look(open_lazily())
    assert found["controller"].state == "note"
    assert found["controller"].text == f"does not answer: {refused}"
    assert found["accounting"].text.startswith("not asked")
    assert look(profile(), "ours")["controller"].state == "problem"


@pytest.mark.slow
def test_a_controller_that_hangs(system: FakeCommands, open_lazily: Open) -> None:
    answering(system)
    system.answer("sinfo", after_s=60)
    checks = {check.name: check for check in cluster(open_lazily(), None)}
    assert checks["controller"].look().text == "does not answer: sinfo did not answer for 3 s"


def test_no_accounting(system: FakeCommands, open_lazily: Open) -> None:
    answering(system)
    system.answer("sacct", error="Slurm accounting storage is disabled\n", status=1)
    found = look(open_lazily())["accounting"]
    assert found.state == "fine"
    assert found.text.startswith("off (Slurm accounting storage is disabled)")
    (system.folder / "sacct").unlink()
    assert look(open_lazily())["accounting"].text.startswith("no sacct")


def test_a_container_that_is_not_here(
    system: FakeCommands, profile: Callable[..., Session]
) -> None:
    found = look(profile("apptainer"), "ours")["container"]
    assert found.state == "note"
    assert "apptainer is not on this machine" in found.text
    assert "module load" in found.remedy


@pytest.mark.parametrize("name", ["nowhere", "here"])
def test_a_cluster_that_there_is_not(name: str, open_lazily: Open, tmp_path: Path) -> None:
    file = tmp_path / "local.toml"
    file.write_text("[clusters.here]\nsummary = 's'\nscheduler = 'local'\n")
    with pytest.raises(ForgetError, match=name):
        look(open_lazily(registries=[file]), name)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "ci") as found:
        yield found


@pytest.mark.slow
def test_a_real_slurm(
    running: SlurmCluster, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in running.variables.items():
        monkeypatch.setenv(name, value)
    found = look(open_lazily())
    assert found["commands"].text.startswith("slurm")
    assert found["controller"].text.startswith("answers; partitions: ")
    assert found["accounting"].text.startswith("off (")
    monkeypatch.setenv("SLURM_CONF", str(running.folder / "nowhere.conf"))
    assert look(open_lazily())["controller"].state == "note"
