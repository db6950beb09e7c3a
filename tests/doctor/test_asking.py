"""Commands that answer, fail, hang, or are not there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from forget.doctor.asking import Answer, ask, is_there
from scheduler.slurm.fake_commands import FakeCommands


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    return FakeCommands(tmp_path / "bin", monkeypatch)


def test_an_answer(system: FakeCommands) -> None:
    system.answer("oracle", "yes\n", error="by the way")
    assert ask(["oracle", "-q"]) == Answer(0, "yes\n")
    assert system.heard("oracle") == ["-q"]
    assert is_there("oracle")


def test_a_failure_in_its_own_words(system: FakeCommands) -> None:
    system.answer("oracle", "half", error="oracle: first\noracle: it is closed\n", status=4)
    assert ask(["oracle"]) == Answer(4, "half", "oracle: it is closed")
    system.answer("oracle", status=4)
    assert ask(["oracle"]).why_not == "oracle ended with status 4"


def test_what_is_no_text_is_left_out(system: FakeCommands) -> None:
    """Colours, other orders to a terminal, and what is in no encoding."""
    script = system.folder / "oracle"
    script.write_text(
        "#!/bin/bash\n"
        r"printf '\033[31ma\033[0m\0b\tc\r\nd\xff\n'"
        "\n"
        r"printf '\033]0;title\007\033[1mbad\n' >&2"
        "\nexit 1\n"
    )
    script.chmod(0o755)
    assert ask(["oracle"]) == Answer(1, "ab\tc\nd\ufffd\n", "bad")


def test_an_answer_without_an_end_is_cut(system: FakeCommands) -> None:
    script = system.folder / "oracle"
    script.write_text("#!/bin/bash\nyes | head -c 1000000\n")
    script.chmod(0o755)
    assert ask(["oracle"]) == Answer(0, "y\n" * 50_000)


def test_it_is_not_there(tmp_path: Path) -> None:
    assert not is_there("no-such-oracle")
    answer = ask(["no-such-oracle"])
    assert answer.status is None
    assert "cannot be started (No such file" in answer.why_not
    (tmp_path / "text").write_text("no program")
    assert ask([str(tmp_path / "text")]).status is None


@pytest.mark.slow
def test_what_hangs_is_ended_with_what_it_started(system: FakeCommands) -> None:
    """A child of it holds its output open, and would be waited for."""
    script = system.folder / "oracle"
    script.write_text(f"#!/bin/bash\nsleep 60 &\necho $! >{system.folder}/child\nwait\n")
    script.chmod(0o755)
    started = time.monotonic()
    answer = ask(["oracle"], patience_s=0.3)
    assert time.monotonic() - started < 5
    assert answer == Answer(None, "", "oracle did not answer for 0.3 s")
    child = Path("/proc") / (system.folder / "child").read_text().strip()
    end = time.monotonic() + 5
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2]:
        assert time.monotonic() < end
        time.sleep(0.02)
