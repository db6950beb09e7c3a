"""What was asked of an output folder is asked again as it was."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from forget.errors import DataError
from forget.plan import RunRequest
from forget.scheduler.requests import asked_of, forget_asked, readable, remember
from forget.session import EngineOptions, open_session
from tiny_models import make_hollow_model

REQUEST = RunRequest(
    study="demo",
    method="gt-sft",
    benchmarks=("mini_piqa",),
    limit=2,
    overrides={"lr": "1e-5"},
    sweep={"lora_rank": ("0", "8")},
)


def test_it_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = tmp_path / "extra.toml"
    registry.write_text("")
    monkeypatch.chdir(tmp_path)
    model = make_hollow_model(tmp_path / "model")
    options = EngineOptions(device="cpu", dtype="bfloat16")
    session = open_session(
        out=Path("out"), data=tmp_path, registries=[Path("extra.toml")], options=options
    )
    request = attrs.evolve(REQUEST, model="model")
    asked = remember(request, session, "a-cluster")
    monkeypatch.chdir("/")
    [found] = asked_of(session.workspace)
    assert found == asked
    assert found.request == attrs.evolve(request, model=str(model))
    assert (found.cluster, found.data, found.registries) == ("a-cluster", tmp_path, (registry,))
    again = found.open(session.workspace)
    assert again.options == options
    assert again.registries == (registry,)


def test_the_registry_of_the_working_folder_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forget.toml").write_text('[studies.mine]\nsummary = "x"\nextends = "demo"\n')
    monkeypatch.chdir(tmp_path)
    session = open_session(out=tmp_path / "out")
    asked = remember(attrs.evolve(REQUEST, study="mine"), session)
    monkeypatch.chdir("/")
    assert "mine" in asked.open(session.workspace).catalogue.studies


def test_asked_twice_it_is_there_once_and_can_be_taken_back(tmp_path: Path) -> None:
    session = open_session(out=tmp_path / "out")
    first = remember(REQUEST, session)
    assert remember(REQUEST, session) == first
    other = remember(attrs.evolve(REQUEST, limit=3), session)
    assert asked_of(session.workspace) == [first, other]
    assert asked_of(session.workspace)[0].since == first.since
    forget_asked(session.workspace, first)
    forget_asked(session.workspace, first)
    assert asked_of(session.workspace) == [other]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{", "[]", '{"request": {"limit": "x"}}', '{"more": 1}'])
def test_what_is_no_request_is_said(tmp_path: Path, text: str) -> None:
    session = open_session(out=tmp_path / "out")
    remember(REQUEST, session)
    [file] = session.workspace.requests.iterdir()
    file.write_text(text)
    with pytest.raises(DataError, match="not a request that was written here"):
        asked_of(session.workspace)


def test_those_that_can_be_read_beside_those_that_cannot(tmp_path: Path) -> None:
    session = open_session(out=tmp_path / "out")
    asked = remember(REQUEST, session)
    (session.workspace.requests / "other.json").write_text("{")
    found, [error] = readable(session.workspace)
    assert found == [asked]
    assert "other.json is not a request" in str(error)
