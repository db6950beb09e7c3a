"""Job scripts, read as text and run by bash, whatever folders and settings are called."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest

from forget.cluster import Cluster
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.record import Record, read_record
from forget.scheduler.slurm.script import NOT_WANTED, caretaker_script, job_script, sbatch_options
from forget.scheduler.slurm.sizes import JobSize
from forget.store.layout import Workspace

NAME = "forget-abc123-0001-train"
SIZE = JobSize(1024, 3, 1, 60, "gpu")
SITE = Cluster(summary="x", scheduler="slurm", look_every_min=0.1)

HOSTILE = [
    "with spaces",
    'it\'s "quoted"',
    "$(touch injected)",
    "`touch injected`",
    "; touch injected #",
    "%j 100% $HOME ${HOME} \\ ~ *",
    "two\nlines\n#SBATCH --mem=1T",
    "unicod\u00e9 \u03bb\u0301 \U0001f600",
    "-rf",
    "tab\tand\rreturn",
]

FORGET = """\
import json, sys
from pathlib import Path
here, words = Path(__file__).parent, sys.argv[5:]
with (here / "heard").open("a") as file:
    file.write(json.dumps(words) + "\\n")
answers = json.loads((here / "answers").read_text())
sys.exit(next((status for word, status in answers.items() if word in words), 0))
"""


class Here:
    """A job that bash runs in a folder, with a script in the place of `forget`.

    Args:
        folder: Where its output folder is.
        out: What that is called.
    """

    def __init__(self, folder: Path, out: str = "out") -> None:
        self.folder = folder
        self.place = Place(Workspace(folder / out), "mine")
        self.fake = folder / "it's the fake.py"
        self.fake.write_text(FORGET)
        self.answers()

    def answers(self, **statuses: int) -> None:
        (self.folder / "answers").write_text(json.dumps(statuses))

    def script(self, *commands: list[str], title: str = "a title", **keys: Any) -> str:
        site = attrs.evolve(SITE, container=(sys.executable, str(self.fake)), **keys)
        return job_script(self.place, site, NAME, SIZE, [(title, words) for words in commands])

    def start(self, script: str, **variables: str) -> subprocess.Popen[bytes]:
        self.place.job(NAME).mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "SLURM_JOB_ID": "7", **variables}
        started = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, env=env, cwd=self.folder, start_new_session=True
        )
        assert started.stdin is not None
        started.stdin.write(script.encode())
        started.stdin.close()
        return started

    def run(self, script: str, **variables: str) -> int:
        return self.start(script, **variables).wait(timeout=60)

    @property
    def heard(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "heard").read_text().splitlines()]

    @property
    def record(self) -> Record:
        return read_record(self.place.job(NAME) / "record")


GOLDEN = f"""\
#!/bin/bash
# Each command below can be typed by hand as well, and continues what was stopped.
name={NAME}
cluster=mine
out=/data/out
folder=/data/out/slurm/mine/jobs/{NAME}
restarts=20
not_wanted=6
look_every=90
if {{ : >>"$folder/log"; }} 2>/dev/null; then exec >>"$folder/log" 2>&1; fi
module load cuda/12 'a b'
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1
export OMP_NUM_THREADS=3
export TMPDIR="/scratch/${{SLURM_JOB_ID}}/\\"x\\`\\`"; mkdir -p "$TMPDIR"
export HF_HOME='/a b'
source venv/bin/activate
forget=(apptainer exec 'an image.sif' {sys.executable} -P -m forget)
"""


def test_one_job_as_text() -> None:
    site = attrs.evolve(
        SITE, look_every_min=1.5, modules=("cuda/12", "a b"),
        scratch='/scratch/${SLURM_JOB_ID}/"x``', environment={"HF_HOME": "/a b"},
        setup=("source venv/bin/activate",), container=("apptainer", "exec", "an image.sif"),
    )  # fmt: skip
    place = Place(Workspace(Path("/data/out")), "mine")
    commands = [("first\nthing", ["work", "train", "--seed", "0"]), ("second", ["work", "x y"])]
    text = job_script(place, site, NAME, SIZE, commands)
    head, _, rest = text.partition("\nrecord() {")
    assert f"{head}\n" == GOLDEN
    assert rest.split("keeper=$!\n")[1] == (
        "\n# first thing\nwork 0 work train --seed 0\n\n# second\nwork 1 work 'x y'\n\nfinish\n"
    )
    checked = job_script(place, site, NAME, SIZE, commands, ["doctor", "--data", "a b"])
    begun = "\n# first thing"
    assert checked == text.replace(begun, f"\ncheck doctor --data 'a b'\n{begun}")
    care = caretaker_script(place, site)
    assert "log=/data/out/slurm/mine/caretaker.log\n" in care
    assert "TMPDIR" not in care  # it does no work
    assert "OMP_NUM_THREADS" not in care
    assert care.endswith('"${forget[@]}" advance --caretaker --cluster "$cluster" --out "$out"\n')
    for script in (text, care):
        subprocess.run(["bash", "-n"], input=script.encode(), check=True)


def test_what_sbatch_is_told() -> None:
    site = attrs.evolve(
        SITE, account="a", qos="q", constraint="c", gres="gpu:h200:{count}", options=("--x=1",)
    )
    options = sbatch_options(site, NAME, SIZE, dependency="afterany:1", wait_s=20)
    assert options == [
        "--requeue", f"--job-name={NAME}", "--nodes=1", "--ntasks=1", "--cpus-per-task=3",
        "--mem=1024M", "--time=60", "--gres=gpu:h200:1", "--partition=gpu", "--account=a",
        "--qos=q", "--constraint=c", "--dependency=afterany:1", "--begin=now+20",
        "--signal=B:USR1@60", "--output=/dev/null", f"--chdir={Path.cwd()}", "--x=1",
    ]  # fmt: skip
    least = sbatch_options(SITE, NAME, JobSize(1), warn=False)
    assert least == [
        "--requeue", f"--job-name={NAME}", "--nodes=1", "--ntasks=1", "--cpus-per-task=1",
        "--mem=1M", "--output=/dev/null", f"--chdir={Path.cwd()}",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_nothing_but_names(tmp_path: Path, name: str) -> None:
    here = Here(tmp_path, out=f"out {name}")
    words = ["work", "train", "--model", f"/models/{name}", "--set", f"note={name}", name]
    script = here.script(words, title=f"a title, {name}", environment={"NOTE": name})
    assert here.run(script) == 0
    assert here.heard[0][:2] == ["advance", "--guard"]
    assert words in here.heard
    out = ["--cluster", "mine", "--out", f"{tmp_path}/out {name}"]
    assert here.heard[-1] == ["advance", "--job", NAME, *out]
    assert here.run(caretaker_script(here.place, attrs.evolve(
        SITE, container=(sys.executable, str(here.fake))
    ))) == 0  # fmt: skip
    assert here.heard[-1] == ["advance", "--caretaker", *out]
    assert not list(tmp_path.rglob("injected"))
    assert here.record.events == {"done"}


def test_a_command_that_fails_does_not_stop_the_next(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.answers(first=7)
    assert here.run(here.script(["work", "first"], ["work", "second"])) == 1
    assert [words for words in here.heard if words[0] == "work"] == [
        ["work", "first"], ["work", "second"]
    ]  # fmt: skip
    assert here.record == Record(
        job="7", starts=1, begun=(0, 1), statuses={0: 7, 1: 0}, events=frozenset({"done"})
    )


def test_a_job_that_was_given_up_does_not_work(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.answers(**{"--guard": NOT_WANTED})
    assert here.run(here.script(["work", "first"])) == 0
    assert [words[:2] for words in here.heard] == [["advance", "--guard"]]
    assert here.record.begun == ()


def test_a_job_works_though_its_guard_fails(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.answers(**{"--guard": 1})
    assert here.run(here.script(["work", "first"])) == 0
    assert here.record.statuses == {0: 0}


@pytest.mark.slow
def test_a_job_that_is_started_for_ever_ends(tmp_path: Path) -> None:
    here = Here(tmp_path)
    assert here.run(here.script(["work", "first"]), SLURM_RESTART_COUNT="20") == 0
    assert here.run(here.script(["work", "first"]), SLURM_RESTART_COUNT="21") == 1
    assert (here.record.starts, here.record.begun) == (2, ())
    assert "Started too often" in (here.place.job(NAME) / "log").read_text()


def test_a_full_disk_or_a_lost_folder_does_not_stop_the_work(tmp_path: Path) -> None:
    here = Here(tmp_path)
    script = here.script(["work", "first"])
    here.place.job(NAME).parent.mkdir(parents=True)
    here.place.job(NAME).write_text("where the folder should be")
    (tmp_path / "started").mkdir()
    done = subprocess.run(["bash"], input=script.encode(), cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert ["work", "first"] in here.heard


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "events"), [(signal.SIGTERM, {"term"}), (signal.SIGUSR1, {"limit", "done"})]
)
def test_signals_are_written_down_and_an_early_warning_ends_nothing(
    tmp_path: Path, sent: signal.Signals, events: set[str]
) -> None:
    here = Here(tmp_path)
    here.fake.write_text(FORGET.replace("answers =", "import time; time.sleep(1)\nanswers ="))
    job = here.start(here.script(["work", "first"]))
    end = time.monotonic() + 20
    while here.record.begun == ():
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(job.pid, sent)
    assert job.wait(timeout=30) == (143 if sent == signal.SIGTERM else 0)
    assert here.record.events == events
    assert here.record.statuses == ({} if sent == signal.SIGTERM else {0: 0})


@pytest.mark.slow
def test_a_job_whose_command_is_told_to_end_before_it_is(tmp_path: Path) -> None:
    """Slurm signals the processes of a job one after the other, in any order."""
    here = Here(tmp_path)
    here.fake.write_text(
        FORGET.replace("answers =", "import time\nif 'x' in words: time.sleep(60)\nanswers =")
    )
    job = here.start(here.script(["work", "x"], ["work", "second"]))
    deadline = time.monotonic() + 20
    while here.record.begun == () or ["work", "x"] not in here.heard:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = psutil.Process(job.pid).children()
    [command] = [child for child in children if child.cmdline()[-1:] == ["x"]]
    command.terminate()
    time.sleep(0.3)
    job.terminate()
    assert job.wait(timeout=30) == 143
    assert here.record == Record(
        job="7", starts=1, begun=(0,), statuses={0: 143}, events=frozenset({"term"})
    )
    assert {tuple(words[:2]) for words in here.heard} == {("advance", "--guard"), ("work", "x")}


@pytest.mark.slow
def test_a_job_looks_after_its_caretaker_while_it_works(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.fake.write_text(
        FORGET.replace("answers =", "import time\nif 'x' in words: time.sleep(1.5)\nanswers =")
    )
    assert here.run(here.script(["work", "x"], look_every_min=0.002)) == 0
    assert sum("--guard" in words for words in here.heard) > 2
    time.sleep(0.5)
    count = len(here.heard)
    time.sleep(0.5)
    assert len(here.heard) == count  # and no longer
