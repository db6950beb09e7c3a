"""vLLM that is not there, of another build, or as it should be; by its metadata alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from doctor.test_packages import Distributions
from forget.doctor import vllm as module
from forget.doctor.diagnosis import Found
from forget.doctor.vllm import vllm
from forget.errors import RequestError
from forget.session import EngineOptions, Session

Open = Callable[..., Session]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distributions:
    """Where a vLLM is made; what is installed here does not count."""
    monkeypatch.setattr(module, "_BUILDS", ("vllm-made", "vllm-made-cpu"))
    (tmp_path / "code" / "vllm").mkdir(parents=True)
    (tmp_path / "code" / "vllm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setattr(module, "_GPU_BUILD", "vllm-made")
    return Distributions(tmp_path / "site", monkeypatch)


def look(session: Session) -> Found:
    [check] = vllm(session)
    return check.look()


def test_it_is_optional(site: Distributions, open_lazily: Open) -> None:
    found = look(open_lazily())
    assert found.state == "fine"
    assert found.text.startswith("not installed; --engine vllm")


def test_its_build_for_processors(site: Distributions, open_lazily: Open) -> None:
    site.add("vllm-made-cpu", "0.31.0", f"torch=={version('torch')}")
    assert look(open_lazily(options=EngineOptions(device="cpu"))) == Found("0.31.0 for CPUs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "requires", "device", "text"),
    [
        ("vllm-made-cpu", "0.1", "attrs", "cpu", "0.1 for CPUs; <=0.31,>=0.22 was tested"),
        ("vllm-made-cpu", "0.30", "torch==2.1", "cpu", "it is built for torch==2.1, and "),
        ("vllm-made-cpu", "0.30", "attrs", "cuda", "built for another device than cuda"),
        ("vllm-made", "0.30", "attrs", "cpu", "built for another device than cpu"),
        ("vllm-made", "0.30", "attrs", "mps", "does not run on mps"),
    ],
)
def test_it_is_likely_to_fail(
    name: str,
    number: str,
    requires: str,
    device: str,
    text: str,
    site: Distributions,
    open_lazily: Open,
) -> None:
    site.add(name, number, requires)
    found = look(open_lazily(options=EngineOptions(device=device)))  # type: ignore[arg-type]
    assert (found.state, found.command) == ("note", "pip install 'forget-llm[vllm]'")
    assert text in found.text


def test_on_a_device_that_it_does_not_know(open_lazily: Open) -> None:
    session = open_lazily(options=EngineOptions(engine="vllm", device="mps"))
    with pytest.raises(RequestError, match="--engine vllm does not run on mps"):
        look(session)
