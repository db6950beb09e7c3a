"""Sessions to look at, and a plugin whose benchmarks ask the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from fake_distributions import Site
from forget.doctor.diagnosis import Diagnosis
from forget.session import Session, open_session

TASK = """\
task: {name}
custom_dataset: !function {name}.load
output_type: multiple_choice
test_split: test
num_fewshot: 0
doc_to_text: question
doc_to_choice: [right, wrong]
doc_to_target: 0
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""
ASKING = """\
import urllib.request

def load(**_):
    import datasets
    {ask}
    return {{"test": datasets.Dataset.from_list([{{"question": "Which?"}}] * 5)}}
"""
OPEN = "urllib.request.urlopen('http://data.example.org/rows', timeout=5)"
SWALLOWED = f"""\
try:
        {OPEN}
    except OSError:
        pass"""
PLUGIN = """\
from pathlib import Path
from forget.benchmark import Benchmark, TaskFile
from forget.hooks import hookimpl

@hookimpl
def forget_benchmarks():
    for name in ("phoning", "murmuring"):
        yield Benchmark(
            name=name, title=name, summary="made for a test", metric="acc", chance=0.5, items=5,
            tasks=(TaskFile(name=name, path=Path(__file__).parent / f"{name}.yaml"),),
        )
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def open_lazily(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Session]:
    """Open a session that is not checked, in an environment that says nothing."""
    for variable in ("FORGET_DATA", "FORGET_PLUGINS", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    return lambda **options: open_session(**{"out": out, **options}, lazy=True)


@pytest.fixture
def asking_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Install benchmarks that ask for a host: one needs its answer, one does without."""
    site = Site(tmp_path / "site", monkeypatch)
    site.install("forget-asking", PLUGIN)
    for name, ask in (("phoning", OPEN), ("murmuring", SWALLOWED)):
        (site.folder / f"{name}.yaml").write_text(TASK.format(name=name))
        (site.folder / f"{name}.py").write_text(ASKING.format(ask=ask))
    monkeypatch.setenv("PYTHONPATH", str(site.folder))  # for the process without a network
    return site


def named(found: Iterable[Diagnosis], name: str) -> Diagnosis:
    """Return what was found of one thing."""
    [diagnosis] = [diagnosis for diagnosis in found if diagnosis.name == name]
    return diagnosis
