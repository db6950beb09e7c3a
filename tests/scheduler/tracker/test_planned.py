"""What was asked of an output folder, planned again."""

from __future__ import annotations

import attrs
import pytest

from forget.errors import UnknownNameError
from forget.plan import RunRequest
from forget.scheduler.requests import remember
from forget.scheduler.tracker.planned import plan_again, plan_one
from made_study import Study


@pytest.mark.slow
def test_a_run_is_that_of_the_later_request(study: Study) -> None:
    session = study.session
    later = RunRequest(study="large", method="gt-sft", benchmarks=("mini_piqa",))
    remember(later, session)
    planned, warnings = plan_again(study.workspace)
    assert warnings == []
    assert [part.request for part in planned] == [RunRequest(study="large"), later]
    methods = [[run.method.record.name for run in part.runs] for part in planned]
    assert methods == [["grpo", "spin", "pi"], ["gt-sft"]]
    [run] = planned[1].runs
    assert [exam.name for exam in run.exams] == ["mini_piqa", "task:arithmetic"]


@pytest.mark.slow
def test_requests_in_the_same_session_share_it(study: Study) -> None:
    remember(RunRequest(study="large", method="gt-sft"), study.session, cluster="there")
    first, second = plan_again(study.workspace)[0]
    assert first.session is second.session
    assert (first.cluster, second.cluster) == ("", "there")


@pytest.mark.slow
def test_one_that_cannot_be_planned_any_more_is_a_warning(study: Study) -> None:
    other = study.root / "other.toml"
    other.write_text('[studies.other]\nsummary = "x"\nextends = "demo"\n')
    session = attrs.evolve(study.session, registries=(other,))
    asked = remember(RunRequest(study="demo", method="gt-sft"), session)
    other.unlink()
    planned, [warning] = plan_again(study.workspace)
    assert [part.request.study for part in planned] == ["large"]
    assert f"What was asked as {asked.name} cannot be planned any more" in warning
    assert str(other) in warning
    assert f"delete {study.workspace.requests / asked.name}.json" in warning


def test_a_file_that_is_no_request_is_a_warning(study: Study) -> None:
    (study.workspace.requests / "x.json").write_text("{")
    planned, [warning] = plan_again(study.workspace)
    assert len(planned) == 1
    assert "x.json is not a request" in warning


def test_a_request_that_is_made_now(study: Study) -> None:
    planned = plan_one(RunRequest(study="large", method="pi"), study.session)
    assert [run.method.record.name for run in planned.runs] == ["pi"]
    with pytest.raises(UnknownNameError):
        plan_one(RunRequest(study="unheard"), study.session)
