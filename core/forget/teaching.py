"""Which teacher a run learns from: named, settled and checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from forget.catalogue import TeacherEntry
from forget.errors import PluginError, RequestError, SettingsError
from forget.inference.machine import Machine
from forget.inference.models import ModelReference, missing_package, obtain_model
from forget.method import Method
from forget.plugins import Provided
from forget.progress import Progress
from forget.session import Session
from forget.settings import build, identity
from forget.teacher import Teacher, TeacherKind, TeacherSetup

__all__ = ["TeacherChoice", "check_family", "choose_teacher", "why_pending"]

ANY_FAMILY = "any"
"""Family of a teacher that is the student itself."""


@attrs.frozen(kw_only=True)
class TeacherChoice:
    """The teacher of a run.

    Attributes:
        name: The name on the command line.
        family: Its model family.
        provided: The teacher, or the kind that runs it, and who brings it.
        entry: What the registry says of it; None if a plugin brings it as it stands.
        model: Its model; None if it has none on this machine.
        settings: The kind's resolved settings; None for a teacher without a kind.
    """

    name: str
    family: str
    provided: Provided
    entry: TeacherEntry | None = None
    model: ModelReference | None = None
    settings: Any = None

    def frozen(self) -> dict[str, Any]:
        """Return what makes two teachers' completions different, as far as names tell."""
        return {
            "name": self.name,
            "kind": self.provided.record.name if self.settings is not None else "",
            "family": self.family,
            "model": self.model.name if self.model else "",
            "settings": {} if self.settings is None else identity(self.settings),
        }

    def check(self) -> None:
        """Find what is missing on this machine, without loading or asking anything.

        Raises:
            PluginError: Its model's package is not installed.
            RequestError: What its kind needs (a package, a key) is not there.
        """
        entry = self.model.entry if self.model is not None else None
        package = missing_package(entry) if entry is not None else None
        if self.model is not None and package is not None:
            raise PluginError(
                f"The teacher {self.name!r} needs the model {self.model.name!r}. {package}"
            )
        if self.settings is not None:
            self.provided.record.check(self.settings)

    def obtain(self, progress: Progress) -> TeacherChoice:
        """Return the choice with its model on this machine.

        Raises:
            ModelError: The model cannot be had.
        """
        if self.model is None:
            return self
        return attrs.evolve(self, model=obtain_model(self.model, progress))

    def identity(self, machine: Machine, *, recompute: bool = True) -> dict[str, Any]:
        """Return `frozen`, the digest of the weights and their number format.

        That is all that decides what it writes.

        Args:
            machine: What it runs on.
            recompute: Read the weights through; else what their manifest says is believed.
        """
        found = self.frozen()
        if self.model is not None:
            found["model_digest"] = self.model.digest(recompute=recompute)
            chosen = found["settings"].pop("dtype", "auto")  # of kinds that have it
            found["dtype"] = machine.dtype if chosen == "auto" else chosen
        return found

    def open(self, session: Session) -> Teacher:
        """Make the teacher; nothing is loaded before it is asked."""
        record: Teacher | TeacherKind = self.provided.record
        if not isinstance(record, TeacherKind):
            return record
        machine = session.machine
        return record.open(
            TeacherSetup(
                name=self.name,
                title=self.entry.title if self.entry else self.name,
                summary=self.entry.summary if self.entry else record.summary,
                family=self.family,
                model=self.model.folder if self.model else None,
                settings=self.settings,
                device=machine.device,
                dtype=machine.dtype,
            )
        )


def choose_teacher(
    name: str, changes: Mapping[str, Any], student: ModelReference, session: Session
) -> TeacherChoice:
    """Settle a teacher by name: a registry entry, a teacher of a plugin, or a kind itself.

    Whether it can be used on this machine is for `TeacherChoice.check`: a run that has its data
    needs no teacher any more.

    Args:
        name: As the user or the study wrote it.
        changes: Settings of the teacher over those of the registry; ``model`` and ``family`` too.
        student: The model that is trained: the model of a teacher that names none.
        session: Registry and plugins.

    Raises:
        UnknownNameError: There is no such teacher or model.
        PluginError: Its plugin is not installed.
        RequestError: It cannot be used as asked for.
    """
    entry = session.catalogue.teachers.get(name)
    provided = _provided(name, entry, session)
    record = provided.record
    if not isinstance(record, TeacherKind):
        if changes:
            raise SettingsError(
                f"The teacher {name!r} has no settings, but {_listed(changes)} was asked for."
            )
        return TeacherChoice(name=name, family=record.family, provided=provided, entry=entry)
    changes = dict(changes)
    model = _model(name, record, entry, changes, student, session)
    family = changes.pop("family", entry.family if entry else None)
    if family in (None, ANY_FAMILY):
        family = model.family if model else "unknown"
    settings = build(
        record.settings, entry.settings if entry else {}, changes, where=f"teacher {name}"
    )
    return TeacherChoice(
        name=name, family=family, provided=provided, entry=entry, model=model, settings=settings
    )


def _provided(name: str, entry: TeacherEntry | None, session: Session) -> Provided:
    kind = entry.kind if entry is not None else None
    if entry is not None and kind and entry.install and kind not in session.plugins.all("teachers"):
        raise PluginError(
            f"The teacher {name!r} is of the kind {kind!r}, which no installed plugin brings. "
            f"To install it: {entry.install}"
        )
    return session.plugins.get("teachers", kind or name, session.catalogue)


def _model(
    name: str,
    kind: TeacherKind,
    entry: TeacherEntry | None,
    changes: dict[str, Any],
    student: ModelReference,
    session: Session,
) -> ModelReference | None:
    """Return the model that a teacher runs; ``model`` is taken out of `changes` if it names one."""
    if not kind.local:
        return None
    named = changes.pop("model", entry.model if entry else None)
    if named is None:
        if entry is not None:
            return student
        raise RequestError(
            f"The teacher {name!r} is a kind of teachers and needs a model: "
            "add --set teacher.model=NAME, or name a teacher of `forget list teachers`."
        )
    return session.model(named)


def check_family(method: Method, teacher: TeacherChoice, student: ModelReference) -> None:
    """Refuse a teacher of the wrong family.

    Raises:
        RequestError: The reason, and which teachers would do.
    """
    itself = teacher.model == student
    if student.family == "unknown" and not itself:
        raise RequestError(
            f"{method.title} must know the family of the model {student.name!r}, and nobody says "
            "it. Give the model an entry with its family in forget.toml ([models.NAME] with title, "
            "summary, family and hub or folder) and use that name."
        )
    if teacher.family == "unknown" and not itself:
        raise RequestError(
            f"{method.title} must know the family of the teacher {teacher.name!r}, and nobody says "
            "it: add --set teacher.family=FAMILY."
        )
    same = itself or teacher.family == student.family
    if same == (method.needs.teacher == "same-family"):
        return
    wanted = "another family" if same else "the student's own family"
    relation = "the same family as" if same else "another family than"
    raise RequestError(
        f"{method.title} learns from a teacher of {wanted}, but the teacher "
        f"{teacher.name!r} ({teacher.family}) is of {relation} the student "
        f"{student.name!r} ({student.family}). Choose one with --teacher; `forget list teachers` "
        "shows them."
    )


def why_pending(name: str, student: ModelReference, session: Session) -> str | None:
    """Say what a study's teacher waits for: a plugin, its model's package, a key; None if nothing.

    The teacher is not loaded, and a model that has yet to be fetched is not missing.

    Raises:
        RequestError: The registry is wrong about it: nothing that could be installed mends that.
    """
    try:
        teacher = choose_teacher(name, {}, student, session)
    except PluginError as error:
        return str(error)
    try:
        teacher.check()
    except RequestError as error:
        return str(error)
    return None


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"teacher.{name}" for name in names)
