from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from forget.errors import WorkError
from forget_datasets.math.answers import CPU_LIMIT_S, compare, workers
from forget_datasets.math.pool import Crashed, Pool, TimedOut

ECHO = """
    import json, os, signal, sys, time
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request == "die": os.abort()
        if request == "hang": time.sleep(1000)
        if request == "spin":
            signal.setitimer(signal.ITIMER_PROF, 0.2)
            while True: pass
        if isinstance(request, list): time.sleep(request[0])
        print(json.dumps([os.getpid(), request]), flush=True)
"""


def echo_pool(size: int = 2, wall_limit_s: float = 60) -> Pool:
    """Workers that say who they are."""
    return Pool([sys.executable, "-c", dedent(ECHO)], wall_limit_s=wall_limit_s, size=size)


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = echo_pool()
    yield made
    made.close()


def gone(pid: int, within_s: float = 20) -> bool:
    """Whether a process ends in time; one that nobody has waited for counts as there."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.02)
    return False


def test_nothing_is_started_before_it_is_needed(pool: Pool) -> None:
    assert pool.pids() == []
    pid, said = pool.ask("hello")
    assert said == "hello"
    assert pool.pids() == [pid]
    assert pool.ask("again") == [pid, "again"]


@pytest.mark.slow
def test_threads_use_several_workers_and_no_more_than_the_size(pool: Pool) -> None:
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: pool.ask([0.2, n]), range(6)))
    assert [said[1] for _, said in answers] == [*range(6)]
    assert len({pid for pid, _ in answers}) == 2
    assert len(pool.pids()) == 2


def test_long_requests_pass(pool: Pool) -> None:
    text = "x\x00\ud800🙂\n" * 100_000
    assert pool.ask(text)[1] == text


def test_a_worker_killed_while_idle_is_replaced(pool: Pool) -> None:
    first, _ = pool.ask("a")
    os.kill(first, signal.SIGKILL)
    second, said = pool.ask("b")
    assert said == "b"
    assert second != first
    assert pool.pids() == [second]
    assert gone(first)


@pytest.mark.slow
def test_a_worker_killed_at_work_is_replaced_and_the_answer_comes(pool: Pool) -> None:
    first, _ = pool.ask("a")
    killer = threading.Timer(0.3, os.kill, (first, signal.SIGKILL))
    killer.start()
    second, said = pool.ask([1.0])
    killer.join()
    assert said == [1.0]
    assert second != first


def test_a_request_that_ends_every_worker_is_given_up(pool: Pool) -> None:
    with pytest.raises(Crashed, match=f"status {-signal.SIGABRT}"):
        pool.ask("die")
    assert pool.pids() == []
    assert pool.ask("b")[1] == "b"


@pytest.mark.slow
def test_the_limit_of_processor_time_ends_the_worker_once(pool: Pool) -> None:
    with pytest.raises(TimedOut):
        pool.ask("spin")
    assert pool.pids() == []


@pytest.mark.slow
def test_a_stuck_worker_is_ended() -> None:
    pool = echo_pool(wall_limit_s=0.5)
    with pytest.raises(TimedOut):
        pool.ask("hang")
    assert pool.pids() == []


def test_an_interrupted_request_leaves_no_answer_for_the_next(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    pool.ask("a")
    with monkeypatch.context() as patch:
        patch.setattr("forget_datasets.math.pool.os.read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.ask("b")
    assert pool.pids() == []
    assert pool.ask("c")[1] == "c"


@pytest.mark.slow
def test_close_ends_all_and_the_pool_can_be_used_again(pool: Pool) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: pool.ask([0.2]), range(2)))
    pids = pool.pids()
    assert len(pids) == 2
    pool.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert pool.ask("a")[1] == "a"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit(7)", "status 7"),
        ('print(\'{"error": "no math"}\', flush=True); input()', "no math"),
    ],
)
def test_workers_that_cannot_start_are_an_error(code: str, why: str) -> None:
    pool = Pool([sys.executable, "-c", code], wall_limit_s=5)
    with pytest.raises(WorkError, match=why) as caught:
        pool.ask("a")
    assert "\n" not in str(caught.value)
    assert pool.pids() == []
    with pytest.raises(WorkError, match="No worker process can be started"):
        Pool(["/there/is/no/such/program"], wall_limit_s=5).ask("a")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_workers_of_its_own(pool: Pool) -> None:
    mine, _ = pool.ask("a")
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=lambda: there.send(pool.ask("b")))
    child.start()
    assert here.poll(60)
    theirs, said = here.recv()
    child.join(60)
    assert (child.exitcode, said) == (0, "b")
    assert theirs != mine
    assert gone(theirs)
    assert pool.ask("c") == [mine, "c"]


# --- the workers that compare answers


def run_script(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(dedent(code))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once_and_leaves_no_process(tmp_path: Path) -> None:
    code = """
        from forget_datasets.math.answers import compare, workers
        print("started")
        print(compare("x+1", "1+x")[0], *workers().pids())
    """
    with run_script(tmp_path, code) as process:
        out, _ = process.communicate(timeout=200)
    started, answer = out.splitlines()
    right, pid = answer.split()
    assert (started, right, process.returncode) == ("started", "True", 0)
    assert gone(int(pid))


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True])
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, busy: bool) -> None:
    code = f"""
        import time
        from forget_datasets.math.answers import compare, workers
        compare("x+1", "1+x")
        print(*workers().pids(), flush=True)
        compare("2", "9^{{9^{{9^9}}}}") if {busy} else None
        time.sleep(1000)
    """
    with run_script(tmp_path, code) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        if busy:
            time.sleep(0.5)
        process.kill()
    assert gone(pid, within_s=20 * CPU_LIMIT_S)


@pytest.mark.slow
def test_verdicts_off_the_main_thread_and_from_several_threads() -> None:
    asked = [("x+1", f"1+{n}-{n}+x") for n in range(20)] + [("x+1", f"{n}+x") for n in range(2, 22)]
    with ThreadPoolExecutor(4) as threads:
        found = [right for right, _ in threads.map(lambda pair: compare(*pair), asked)]
    assert found == [True] * 20 + [False] * 20
    assert 1 <= len(workers().pids()) <= workers().size


@pytest.mark.slow
def test_a_worker_that_is_killed_does_not_change_a_verdict() -> None:
    assert compare("x+1", "1+x")[0]
    for pid in workers().pids():
        os.kill(pid, signal.SIGKILL)
    assert compare("x+2", "2+x")[0]
    assert not compare("x+2", "3+x")[0]


@pytest.mark.slow
def test_memory_is_limited() -> None:
    """With too little of it, the comparison is given up and the worker goes on."""
    from forget_datasets.math import answers

    script = Path(answers.__file__).with_name("worker.py")
    command = [sys.executable, "-P", str(script), "20", str(400 << 20)]
    pool = Pool(command, wall_limit_s=200)
    try:
        try:
            reply = pool.ask(["2", "2^{2^{33}}"])
        except (Crashed, TimedOut):
            reply = {"equal": False}
        assert not reply["equal"]
        assert all(psutil.Process(pid).memory_info().rss < 400 << 20 for pid in pool.pids())
        assert pool.ask(["x+1", "1+x"])["equal"]
        if sys.platform == "linux":
            (pid,) = pool.pids()
            assert psutil.Process(pid).rlimit(psutil.RLIMIT_AS) == (400 << 20, 400 << 20)
    finally:
        pool.close()
