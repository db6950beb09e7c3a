"""What Slurm's commands answer, in the words of several versions, and what else they may say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forget.errors import RequestError
from forget.scheduler.slurm import client
from forget.scheduler.slurm.client import Listed, Partition, SlurmError
from scheduler.slurm.fake_commands import FakeCommands


@pytest.mark.parametrize(
    ("line", "job"),
    [
        (
            "7|RUNNING|None|cpu=4,mem=40G,node=1,billing=4,gres/gpu=1|gres:gpu:1|1|a-name|",
            Listed("7", "a-name", "RUNNING", "None", 40960, 4, 1),
        ),
        (
            "8|PENDING|Resources|cpu=8,mem=2.50T,node=2,billing=8|gres/gpu:a100:4|2|x|",
            Listed("8", "x", "PENDING", "Resources", 2621440, 8, 8),
        ),
        (
            "9|CANCELLED by 12|None|cpu=1,node=1|N/A|1|y|",
            Listed("9", "y", "CANCELLED", "None", 0, 1, 0),
        ),
        ("10|TIMEOUT|TimeLimit|N/A|N/A||z|", Listed("10", "z", "TIMEOUT", "TimeLimit")),
        ("11|FAILED|None|cpu=1,mem=1024K|(null)|1||", Listed("11", "", "FAILED", "None", 1, 1)),
        ("12|RUNNING|None|cpu=1,mem=1M|N/A|1|a|b|", Listed("12", "a|b", "RUNNING", "None", 1, 1)),
        ("3|RUNNING|None|cpu=1,mem=1M|N/A|1|a\nb|", Listed("3", "a\nb", "RUNNING", "None", 1, 1)),
    ],
)  # fmt: skip
def test_a_job_as_squeue_lists_it(commands: FakeCommands, line: str, job: Listed) -> None:
    other = "1|RUNNING|None|cpu=1,mem=1M|N/A|1|other|"
    commands.answer("squeue", f"{other}\n{line}\n{other}\n")
    assert client.list_jobs()[1] == job
    assert len(client.list_jobs()) == 3


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("gpu", 1),
        ("gpu:2", 2),
        ("gres:gpu:3090:4", 4),
        ("gres/gpu:2080ti=2", 2),
        ("gpu:1g.5gb:7(S:0)", 7),
        ("gpu:a100:4(S:0,1),gpu:v100:2(S:0),mps:400", 6),
        ("gpu:a100:no_consume:4", 4),
        ("craynetwork:4,lustre:1", 0),
        ("shard:8", 0),
    ],
)
def test_gpus_however_they_are_called(commands: FakeCommands, gres: str, gpus: int) -> None:
    commands.answer("squeue", f"7|RUNNING|None|cpu=1,mem=1M|{gres}|1|x|\n")
    commands.answer("sinfo", f"main*|1:00:00|1000|8|{gres}\n")
    assert client.list_jobs()[0].gpus == gpus
    assert client.list_partitions(None)[0].gpus == gpus


def test_what_waits_runs_or_has_ended() -> None:
    states = ("PENDING", "REQUEUED", "RUNNING", "COMPLETING", "SUSPENDED", "PREEMPTED", "FAILED")
    jobs = [Listed("1", "x", state) for state in states]
    assert [job.waiting for job in jobs] == [True, True, False, False, False, False, False]
    assert [job.ended for job in jobs] == [False] * 5 + [True, True]


def test_an_empty_queue(commands: FakeCommands) -> None:
    commands.answer("squeue", "\n")
    assert client.list_jobs() == []


@pytest.mark.parametrize(
    "line",
    [
        "Welcome to the cluster!",
        "7|RUNNING",
        "7|RUNNING|None|cpu=1,mem=1M|N/A|1|cut-off",
        "7|RUNNING|None|cpu=many,mem=1M|N/A|1|x|",
        "7|RUNNING|None|cpu=1,mem=plenty|N/A|1|x|",
    ],
)
def test_what_is_not_understood_of_squeue_is_quoted(commands: FakeCommands, line: str) -> None:
    commands.answer("squeue", f"{line}\n")
    with pytest.raises(SlurmError, match=r"squeue is not understood.*22\.05") as caught:
        client.list_jobs()
    assert line in str(caught.value)


def test_partitions_the_default_first(commands: FakeCommands) -> None:
    commands.answer(
        "sinfo",
        "long|infinite|64000|32|(null)\n"
        "gpu*|7-12:00:00|128000+|64+|gpu:a100:4(S:0-1)\n"
        "gpu*|7-12:00:00|512000|48|gpu:h100:8\n"
        "short|30:00|1.5T|8|(null)\n"
        "any|n/a|100|1|\n",
    )
    assert client.list_partitions(None) == [
        Partition("gpu", (7 * 24 + 12) * 60, 512000, 64, 8),
        Partition("long", None, 64000, 32, 0),
        Partition("short", 30, 1572864, 8, 0),
        Partition("any", None, 100, 1, 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "slurm_load_partitions: odd",
        "main|soon|1000|8|(null)",
        "main|1:00|lots|8|(null)",
        "main|1:00|1000|few|(null)",
    ],
)
def test_what_is_not_understood_of_sinfo_is_quoted(commands: FakeCommands, line: str) -> None:
    commands.answer("sinfo", f"{line}\n")
    with pytest.raises(SlurmError, match="sinfo is not understood") as caught:
        client.list_partitions(None)
    assert line in str(caught.value)


def test_accounting_goes_by_names(commands: FakeCommands) -> None:
    commands.answer("sacct", "mine|CANCELLED by 0\nother|TIMEOUT\ncut|OUT_OF_ME+\nno state\n")
    found = client.ask_accounting(["7", "8"])
    assert found == {"mine": "CANCELLED", "other": "TIMEOUT", "cut": "OUT_OF_ME"}
    assert commands.heard("sacct")[0].endswith("-j 7,8")


def test_there_may_be_no_accounting(commands: FakeCommands) -> None:
    commands.answer("sacct", error="Slurm accounting storage is disabled", status=1)
    assert client.ask_accounting(["7"]) == {}
    assert client.ask_accounting([]) == {}
    assert len(commands.heard("sacct")) == 1


@pytest.mark.parametrize("said", ["17\n", "17;alpha\n", "Welcome!\n\n17;alpha\n"])
def test_the_number_of_a_submitted_job(commands: FakeCommands, said: str) -> None:
    commands.answer("sbatch", said)
    assert client.submit(["--mem=1M"], "#!/bin/bash\n") == "17"
    assert commands.heard("sbatch") == ["--parsable --mem=1M"]
    assert commands.script == b"#!/bin/bash\n"


def test_a_submitted_job_without_a_number(commands: FakeCommands) -> None:
    commands.answer("sbatch", "Submitted, thank you")
    with pytest.raises(SlurmError, match="Submitted, thank you"):
        client.submit([], "")


def test_a_refusal_is_quoted(commands: FakeCommands) -> None:
    commands.answer("sbatch", error="sbatch: error: Invalid qos specification\n", status=1)
    with pytest.raises(SlurmError, match=r"`sbatch` failed with status 1 .* Invalid qos"):
        client.submit([], "")


@pytest.mark.slow
def test_no_answer_in_time(commands: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.2)
    commands.answer("squeue", after_s=2)
    with pytest.raises(SlurmError, match=r"`squeue` did not answer for 0.2 s"):
        client.list_jobs()


def test_no_slurm_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"no sbatch on this machine.*login node"):
        client.check_there()
    with pytest.raises(SlurmError, match="no squeue on this machine"):
        client.list_jobs()


@pytest.mark.parametrize(
    ("error", "moved"),
    [
        ("", True),
        ("Job is no longer pending execution for job 7", False),
        ("Job has already finished for job 7", False),
        ("Invalid job id specified for job 7", False),
    ],
)
def test_a_job_that_waits_no_more_is_not_moved(
    commands: FakeCommands, error: str, moved: bool
) -> None:
    commands.answer("scontrol", error=error, status=1 if error else 0)
    assert client.move("7", after=["1", "2"], name="x") is moved
    [heard] = commands.heard("scontrol")
    assert "JobId=7 Dependency=afterany:1?afterany:2 JobName=x" in heard


def test_a_controller_that_is_away_is_no_answer(commands: FakeCommands) -> None:
    commands.answer("scontrol", error="Unable to contact slurm controller", status=1)
    with pytest.raises(SlurmError, match="Unable to contact"):
        client.move("7", after=["1"], name="x")


def test_nothing_is_cancelled_by_an_empty_list(commands: FakeCommands) -> None:
    commands.answer("scancel")
    client.cancel([])
    assert commands.heard("scancel") == []


def test_a_dependency_names_each_job_once_and_not_too_many() -> None:
    assert client.any_end(["7", "", "7", "8"]) == "afterany:7?afterany:8"
    assert client.any_end([""]) == ""
    assert len(client.any_end([str(10**8 + number) for number in range(50_000)])) < 100_000


def test_the_environment_of_a_job_does_not_reach_the_commands(
    commands: FakeCommands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SLURM_MEM_PER_NODE", "SBATCH_PARTITION", "SQUEUE_STATES", "SLURM_JWT"):
        monkeypatch.setenv(name, "something")
    monkeypatch.setenv("SLURM_CONF", "kept")
    script = commands.folder / "squeue"
    script.write_text(f"#!/bin/bash\nenv >{tmp_path}/seen\n")
    script.chmod(0o755)
    client.list_jobs()
    seen = (tmp_path / "seen").read_text().splitlines()
    found = {line for line in seen if line.startswith(("SLURM", "SBATCH", "SQUEUE", "LC_ALL"))}
    assert found == {"SLURM_CONF=kept", "SLURM_JWT=something", "LC_ALL=C"}


def test_a_script_is_the_same_in_every_locale(commands: FakeCommands) -> None:
    """Where the locale cannot write a letter, the job must not work in another folder."""
    commands.answer("sbatch", "17")
    code = "from forget.scheduler.slurm import client; client.submit([], 'out=\\u03bb\\udcff')"
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-X", "utf8=0", "-c", code]
    subprocess.run(words, env={**os.environ, **plain}, check=True)
    assert commands.script == b"out=\xce\xbb\xff"
