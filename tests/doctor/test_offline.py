"""The process without a network: what it tells, how it ends, and what it catches."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from doctor.conftest import named
from fake_distributions import Site
from forget.doctor import examine, problems
from forget.doctor.offline import Wire, _follow
from forget.errors import RequestError, WorkError
from forget.plan import RunRequest
from forget.progress import Silent
from forget.session import Session

Open = Callable[..., Session]
FOUND = {"area": "model", "name": "m", "state": "fine", "found": "whole", "seconds": 0.5}


def asking(model: Path, name: str) -> RunRequest:
    return RunRequest(
        method="gt-sft", model=str(model), dataset="arithmetic", benchmarks=(name,), limit=3
    )


class Noted(Silent):
    """Keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_is_told_arrives() -> None:
    stream, noted = io.StringIO(), Noted()
    wire = Wire(stream)
    wire.note("hello")
    with wire.task("looking", 2) as advance:
        advance(0, "model m")
        advance(1)
    wire.send(found=[FOUND])
    stream.seek(0)
    [diagnosis] = _follow(stream, noted) or []
    assert (diagnosis.name, diagnosis.seconds, diagnosis.command) == ("m", 0.5, "")
    assert noted.notes == ["hello"]


def test_it_may_end_before_it_has_found_anything() -> None:
    lines = [json.dumps(line) for line in ({"task": "t", "total": 1}, {"steps": 1, "detail": ""})]
    assert _follow(io.StringIO("\n".join(lines)), Silent()) is None
    assert _follow(io.StringIO(""), Silent()) is None


def test_steps_before_a_task_are_no_mistake() -> None:
    lines = [{"steps": 1, "detail": ""}, {"wrong": "no such method"}]
    with pytest.raises(RequestError, match="no such method"):
        _follow(io.StringIO("\n".join(map(json.dumps, lines))), Silent())


def test_the_process_is_sealed_before_anything_else_is_imported() -> None:
    code = "import sys, forget.doctor.sealed; print(*{n.partition('.')[0] for n in sys.modules})"
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    names = set(found.stdout.split())
    assert "forget" in names
    assert not names & {"attrs", "attr", "pluggy", "click", "rich", "urllib", "forget_datasets"}


@pytest.mark.slow
def test_the_machine_alone(open_lazily: Open, out: Path) -> None:
    found = examine(None, open_lazily(), Silent(), offline=True)
    assert named(found, "output folder").state == "fine"
    assert [d for d in found if d.state == "problem"] == []
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_a_benchmark_that_needs_the_network_is_named(
    open_lazily: Open, asking_site: Site, tiny_model: Path
) -> None:
    [phoning] = problems(asking(tiny_model, "phoning"), open_lazily())
    assert (phoning.area, phoning.name) == ("benchmark", "phoning")
    assert "asked the network for data.example.org" in phoning.found


@pytest.mark.slow
def test_a_benchmark_that_does_without_an_answer_is_named_too(
    open_lazily: Open, asking_site: Site, tiny_model: Path
) -> None:
    request = asking(tiny_model, "murmuring")
    murmuring = named(examine(request, open_lazily(), Silent(), offline=True), "murmuring")
    assert murmuring.state == "note"
    assert "5 items read" in murmuring.found
    assert "asked the network for data.example.org" in murmuring.found


@pytest.mark.slow
def test_a_plugin_that_asks_when_it_is_imported(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_lazily()
    site = Site(tmp_path / "site", monkeypatch)
    site.install("forget-eager", "import urllib.request as u\nu.urlopen('http://example.org')\n")
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    found = examine(None, session, Silent(), offline=True)
    assert "asked the network for example.org" in named(found, "network").found
    assert "forget-eager" in named(found, "forget-eager").found


@pytest.mark.slow
def test_a_wrong_request(open_lazily: Open) -> None:
    with pytest.raises(RequestError, match="no method named 'gt-stf'"):
        examine(RunRequest(method="gt-stf"), open_lazily(), Silent(), offline=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "how"), [("os._exit(7)", "with status 7"), ("os.kill(os.getpid(), 9)", "by signal 9")]
)
def test_a_process_that_dies(
    end: str, how: str, open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_lazily()
    site = Site(tmp_path / "site", monkeypatch)
    said = "print('x' * 99999 + '\\noh no', flush=True)"
    site.install("forget-deadly", f"import os\n{said}\n{end}\n")
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    with pytest.raises(WorkError, match=rf"ended {how} .* oh no"):
        examine(None, session, Silent(), offline=True)
