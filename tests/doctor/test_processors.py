"""Cores and memory of this machine, and of one that is poor in them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from forget.doctor.diagnosis import Found
from forget.doctor.processors import processors


def look(name: str) -> Found:
    [check] = [check for check in processors() if check.name == name]
    return check.look()


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert f"of {os.cpu_count()} may be used" in look("cores").text
    assert " GB are free" in look("memory").text
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert look("cores").text.endswith("; OMP_NUM_THREADS=3 threads compute")


def test_a_job_with_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5})
    found = look("cores")
    assert (found.state, found.remedy) == ("note", "ask for more in the job: --cpus-per-task=8")
    assert found.text.startswith("1 of 64 may be used")


def test_a_machine_whose_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(available=1.5e9, total=64e9)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    found = look("memory")
    assert found.state == "note"
    assert found.text == "1.5 of 64.0 GB are free"
    assert "--mem=16G" in found.remedy
