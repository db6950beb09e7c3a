"""A real Slurm for tests: started in a folder of its own on loopback, ended with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "slurm" / "slurmci.sh"
_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")
_ACCOUNTING = ("slurmdbd", "mariadbd")


class SlurmCluster:
    """A running cluster.

    Attributes:
        folder: Where its configuration, logs and state are.
        variables: What clients need in their environment.
    """

    def __init__(self, folder: Path, port: int, **knobs: str) -> None:
        self.folder = folder
        self._knobs = {
            "SLURMCI_DIR": str(folder),
            "SLURMCI_PORT": str(port),
            **{f"SLURMCI_{name.upper()}": value for name, value in knobs.items()},
        }
        self.variables = {
            "SLURM_CONF": str(folder / "etc" / "slurm.conf"),
            "MYSQL_UNIX_PORT": str(folder / "run" / "mysql.sock"),
        }

    def do(self, *words: str) -> None:
        """Have the script that manages it do something."""
        done = subprocess.run(
            ["bash", str(SCRIPT), *words], env={**os.environ, **self._knobs}, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def ask(self, *words: str) -> str:
        """Run a client, and return what it prints."""
        env = {**os.environ, **self.variables}
        return subprocess.run(
            list(words), env=env, timeout=60, capture_output=True, text=True, check=True
        ).stdout

    def jobs(self) -> dict[str, str]:
        """Return number to state of the jobs that have not ended."""
        lines = map(str.split, self.ask("squeue", "-h", "-o", "%A %T").splitlines())
        return {job: state for job, state, *_ in lines}

    def wait(self, holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until something holds."""
        end = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < end, self.ask("squeue", "-t", "all")
            time.sleep(0.2)


def why_not(*, accounting: bool = False) -> str | None:
    """Say why no Slurm can be started here."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    wanted = _PROGRAMS + (_ACCOUNTING if accounting else ())
    missing = [name for name in wanted if shutil.which(name, path=path) is None]
    if missing:
        return f"{', '.join(missing)} not installed (slurm/README.md says how)"
    try:
        address = socket.gethostbyname(socket.gethostname().partition(".")[0])
    except OSError:
        address = "nothing"
    if not address.startswith("127."):
        return f"the host's name resolves to {address}, and not to loopback (see slurm/slurmci.sh)"
    return None


def _free_ports() -> int:
    """Return where a range of free ports begins; processes that ask at the same time differ."""
    for turn in range(25):
        first = 17000 + 1600 * ((os.getpid() + turn) % 25)
        with ExitStack() as sockets:
            try:
                for port in (17, 19, 21, 22, 23, 24):
                    found = sockets.enter_context(socket.socket())
                    found.bind(("127.0.0.1", first + port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


@contextmanager
def slurm_cluster(folder: Path, mode: str = "none", **knobs: str) -> Iterator[SlurmCluster]:
    """Run a cluster while the block runs; skip the test where there can be none.

    Args:
        folder: An empty folder.
        mode: ``none``, or ``dbd`` for one with accounting.
        knobs: ``nodes``, ``cpus``, ``mem_mb``, ``extra``: see the script.
    """
    reason = why_not(accounting=mode == "dbd")
    if reason is not None:
        pytest.skip(reason)
    cluster = SlurmCluster(folder, _free_ports(), **knobs)
    try:
        cluster.do("start", mode)
        yield cluster
    finally:
        cluster.do("clean")
