"""Registry files that were read, plugins that are installed, and those that fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from forget.catalogue import registry_files
from forget.doctor.diagnosis import Check, Found
from forget.doctor.packages import DISTRIBUTION
from forget.hooks import API_VERSION
from forget.plugins import Broken, Kind, Plugins
from forget.session import Session

__all__ = ["plugins"]

_KINDS: tuple[Kind, ...] = ("methods", "datasets", "teachers", "benchmarks")


def plugins(session: Session) -> Iterator[Check]:
    """Yield the checks of the registry, of all plugins together, and of each that is broken."""
    yield Check("plugins", "registry", partial(_registry, session))
    yield Check("plugins", "installed", partial(_installed, session.plugins))
    for broken in session.plugins.broken:
        yield Check("plugins", broken.provider.plugin, partial(_broken, broken))


def _registry(session: Session) -> Found:
    files = [str(file) for file in registry_files(session.registries)]
    return Found(files[0] if len(files) == 1 else f"{', then '.join(files)}; the last one wins")


def _installed(plugins: Plugins) -> Found:
    counts = [f"{len(plugins.all(kind))} {kind}" for kind in _KINDS]
    records = [provided for kind in _KINDS for provided in plugins.all(kind).values()]
    chosen = os.environ.get("FORGET_PLUGINS")
    if records:
        theirs = ", ".join(dict.fromkeys(str(provided.provider) for provided in records))
        only = "" if chosen is None else f"; FORGET_PLUGINS={chosen} leaves others out"
        return Found(f"{', '.join(counts)} of {theirs}; plugin API {API_VERSION}{only}")
    if chosen is None:
        return Found("there is none", "problem", command=f"pip install {DISTRIBUTION}")
    remedy = "unset FORGET_PLUGINS, or name the plugins that are needed there"
    return Found("there is none", "problem", remedy)


def _broken(broken: Broken) -> Found:
    return Found(
        f"broken ({broken.provider}): {broken.reason}",
        "note",
        f"mend it, or: pip uninstall {broken.provider.distribution}",
    )
