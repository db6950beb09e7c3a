"""What is to go says so first: how hooks, functions, fields of records and settings are deprecated.

Two audiences, two warnings. Who wrote a plugin must hear of what the plugin uses, and who merely
uses it must not: `ForgetDeprecationWarning` is a `DeprecationWarning`, which Python hides and
pytest shows. Who wrote a setting in a file or on the command line must hear of it:
`DeprecatedSettingWarning` is a `FutureWarning`, and the command line prints it.

    hook, its arguments    ``hookspec(warn_on_impl=Deprecation(...).warning("The hook forget_x"))``
    function, class        ``typing_extensions.deprecated(Deprecation(...).of("forget.x.f"),
                           category=ForgetDeprecationWarning)``
    field, setting, key    the class decorator `deprecated_field`
    member of a plugin's   a `RenamedMember` in `forget.plugins`
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import attrs

__all__ = [
    "DeprecatedField",
    "DeprecatedSettingWarning",
    "Deprecation",
    "ForgetDeprecationWarning",
    "RenamedMember",
    "current_names",
    "deprecated_field",
    "deprecated_fields",
    "told_already",
]

T = TypeVar("T")
_FIELDS = "__forget_deprecated_fields__"


class ForgetDeprecationWarning(DeprecationWarning):
    """The code of a plugin uses something that is to go; for its author, not for its users."""


class DeprecatedSettingWarning(FutureWarning):
    """A setting or a key of the registry is to go; for whoever wrote it."""


@attrs.frozen(kw_only=True)
class Deprecation:
    """Since when something is to go, when it goes, and what to write instead.

    Attributes:
        since: The release that was the first to warn.
        removed_in: The release that no longer has it.
        instead: What to do, as a sentence without its full stop.
        of_what: Whose releases: forget's, or those of a plugin that renames its own settings.
    """

    since: str
    removed_in: str
    instead: str
    of_what: str = "forget"

    def of(self, what: str) -> str:
        """Say it of something: ``The hook forget_x``."""
        return (
            f"{what} is deprecated since {self.of_what} {self.since} and will be gone in "
            f"{self.removed_in}. {self.instead}."
        )

    def warning(self, what: str) -> ForgetDeprecationWarning:
        """Return the warning that pluggy gives to who implements a hook, or takes an argument."""
        return ForgetDeprecationWarning(self.of(what))


class DeprecatedField(NamedTuple):
    """A field of a record that is to go, and the field that has its value now, if there is one."""

    deprecation: Deprecation
    now: str | None


def deprecated_field(
    name: str, deprecation: Deprecation, *, now: str | None = None
) -> Callable[[type[T]], type[T]]:
    """Decorate an attrs class of which a field is to go, or has another name now.

    The old name keeps working, with a warning: as a keyword of the constructor, as an attribute if
    the field was renamed, and in settings and registry files (`current_names`). Where both names
    are given to the constructor the old one counts: `attrs.evolve` adds the new one by itself. The
    constructor of a subclass knows the new name alone.

    Args:
        name: The field that is to go; if it was renamed, its old name.
        deprecation: Since when, until when, and what instead.
        now: Its new name.
    """

    def decorate(cls: type[T]) -> type[T]:
        known = {field.name for field in attrs.fields(cls)}  # type: ignore[arg-type]
        assert (name in known) == (now is None), f"{cls.__name__} and {name!r}"
        assert now is None or now in known, f"{cls.__name__} has no field {now!r}"
        if _FIELDS not in vars(cls):  # of all its deprecated fields one wrapper takes care
            _accept_keywords(cls)
        if now is not None:
            setattr(cls, name, _reading(now, _said(cls, name, deprecation)))
        setattr(cls, _FIELDS, {**deprecated_fields(cls), name: DeprecatedField(deprecation, now)})
        return cls

    return decorate


def _accept_keywords(cls: type) -> None:
    made = cls.__init__  # type: ignore[misc]

    @wraps(made)
    def init(self: Any, *values: Any, **given: Any) -> None:
        for name in deprecated_fields(cls).keys() & given:
            deprecation, now = deprecated_fields(cls)[name]
            said = _said(cls, name, deprecation)
            warnings.warn(said, ForgetDeprecationWarning, stacklevel=2)
            given[now or name] = given.pop(name)
        made(self, *values, **given)

    cls.__init__ = init  # type: ignore[misc]


def _reading(now: str, said: str) -> property:
    def read(self: Any) -> Any:
        warnings.warn(said, ForgetDeprecationWarning, stacklevel=2)
        return getattr(self, now)

    return property(read, doc=said)


def _said(cls: type, name: str, deprecation: Deprecation) -> str:
    return deprecation.of(f"The field {name!r} of {cls.__name__}")


def deprecated_fields(cls: type) -> Mapping[str, DeprecatedField]:
    """Return the fields of a class that are to go, by their names; inherited ones too."""
    found: Mapping[str, DeprecatedField] = getattr(cls, _FIELDS, {})
    return found


def current_names(cls: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return what a user has written for a record under the names that the record has now.

    Args:
        cls: The record.
        values: Fields by name.
        what: What a person calls such a field, and whose it is: ``setting {!r} of method gt-sft``.

    Raises:
        ValueError: A field has both of its names.
    """
    current = dict(values)
    for name, field in deprecated_fields(cls).items():
        if name not in values:
            continue
        if field.now is not None and field.now in values:
            raise ValueError(
                f"The {what.format(name)} is called {field.now!r} now, and is there under both "
                f"names. Leave {name!r} out."
            )
        said = field.deprecation.of(f"The {what.format(name)}")
        warnings.warn(said, DeprecatedSettingWarning, stacklevel=2)
        current[field.now or name] = current.pop(name)
    return current


@contextmanager
def told_already() -> Iterator[None]:
    """Make records of what `current_names` gave: who wrote it was told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ForgetDeprecationWarning)
        yield


class RenamedMember(NamedTuple):
    """A member that records of plugins have under another name now.

    Attributes:
        old: The name that older plugins give it.
        new: The name in the contract.
        deprecation: Since when, until when, and what instead.
    """

    old: str
    new: str
    deprecation: Deprecation

    def take(self, record: Any, whose: str) -> None:
        """Give a record its member under the new name too, if it has the old one alone."""
        if not hasattr(record, self.new) and hasattr(record, self.old):
            setattr(record, self.new, getattr(record, self.old))
            said = self.deprecation.of(f"The member {self.old!r} of {whose}")
            warnings.warn(said, ForgetDeprecationWarning, stacklevel=2)
