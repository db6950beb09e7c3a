"""What was asked of an output folder: kept, so that a job or `forget status` can ask it again."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import attrs

from forget.catalogue import USER_FILE
from forget.convert import BadValue, structure, to_plain
from forget.errors import DataError
from forget.plan import RunRequest
from forget.session import EngineOptions, Session, open_session
from forget.store.atomic import write_json
from forget.store.layout import Workspace

__all__ = ["Asked", "asked_of", "forget_asked", "readable", "remember"]


@attrs.frozen(kw_only=True)
class Asked:
    """Which runs were asked for, and what they work with.

    Attributes:
        request: The runs.
        registries: Registry files laid over the shipped one, absolute.
        data: The data mirror; None for the Hub.
        options: What models are evaluated with.
        cluster: Name of the cluster that does it; empty for this machine.
        since: When it was first asked for [s since 1970].
    """

    request: RunRequest
    registries: tuple[Path, ...] = ()
    data: Path | None = None
    options: EngineOptions = attrs.field(factory=EngineOptions)
    cluster: str = ""
    since: float = 0.0

    @property
    def name(self) -> str:
        """What tells it from others: the study, and a digest of all but its time."""
        plain = json.dumps(to_plain(attrs.evolve(self, since=0.0)), sort_keys=True)
        return f"{self.request.study}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"

    def open(self, workspace: Workspace) -> Session:
        """Open the session that it works with; see `open_session` for what can be wrong."""
        return open_session(
            out=workspace.root, data=self.data, registries=self.registries, options=self.options
        )


def remember(request: RunRequest, session: Session, cluster: str = "") -> Asked:
    """Write down what is asked for; what was asked for before keeps its time."""
    here = Path.cwd() / USER_FILE
    asked = Asked(
        request=attrs.evolve(
            request,
            model=_absolute_if_folder(request.model),
            restrict_to=request.restrict_to and request.restrict_to.absolute(),
        ),
        registries=tuple(
            path.absolute() for path in (*([here] if here.is_file() else []), *session.registries)
        ),
        data=session.mirror.root and session.mirror.root.absolute(),
        options=session.options,
        cluster=cluster,
        since=round(time.time(), 3),
    )
    path = _file(session.workspace, asked.name)
    if path.is_file():
        return _read(path)
    write_json(path, to_plain(asked))
    return asked


def asked_of(workspace: Workspace) -> list[Asked]:
    """Return everything that was asked of an output folder, oldest first.

    Raises:
        DataError: A file is not what `remember` wrote.
    """
    found, broken = readable(workspace)
    if broken:
        raise broken[0]
    return found


def readable(workspace: Workspace) -> tuple[list[Asked], list[DataError]]:
    """Return the same as `asked_of`, and what is wrong with the files that cannot be read."""
    found, broken = [], []
    for path in sorted(workspace.requests.glob("*.json")):
        try:
            found.append(_read(path))
        except DataError as error:
            broken.append(error)
    return sorted(found, key=lambda asked: (asked.since, asked.name)), broken


def forget_asked(workspace: Workspace, asked: Asked) -> None:
    """Take back what was asked for; what was done of it stays."""
    _file(workspace, asked.name).unlink(missing_ok=True)


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.requests / f"{name}.json"


def _read(path: Path) -> Asked:
    try:
        return structure(json.loads(path.read_text(encoding="utf-8")), Asked)
    except (ValueError, BadValue) as error:
        raise DataError(
            f"{path} is not a request that was written here ({error}). Delete it, and ask again by "
            "`forget run`."
        ) from error


def _absolute_if_folder(model: str | None) -> str | None:
    return str(Path(model).absolute()) if model and Path(model).is_dir() else model
