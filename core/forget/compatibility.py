"""Whether a plugin fits this version of the contract, and what to do where it does not.

Three things tell. The plugin's module, or a package above it, says as ``FORGET_API_VERSION`` which
version of the contract it was written for. Its distribution says which versions of forget it
needs, which explains an import that fails. And its hooks are known, or are not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from forget.errors import PluginError
from forget.hooks import API_VERSION, API_VERSION_ATTRIBUTE, HOOKS

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["ApiVersion", "check_hooks", "check_version", "why_not_imported", "written_for"]

_DISTRIBUTION = "forget-llm"


class ApiVersion(NamedTuple):
    """A version of the contract: what fits `major.minor` fits every later minor of the major."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: Any) -> ApiVersion:
        """Read ``"1.0"``.

        Raises:
            PluginError: It is something else, a number for instance, of which 1.10 is 1.1.
        """
        found = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)", text) if isinstance(text, str) else None
        if found is None:
            raise PluginError(
                f'{API_VERSION_ATTRIBUTE} must be a text such as "{API_VERSION}", but is {text!r}.'
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.major}.{self.minor}"


def written_for(module_name: str) -> Any:
    """Return what an imported module, or the nearest package above it, says; None if nothing."""
    parts = module_name.split(".")
    for end in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if hasattr(module, API_VERSION_ATTRIBUTE):
            return getattr(module, API_VERSION_ATTRIBUTE)
    return None


def check_version(declared: Any, distribution: str) -> str:
    """Return the version that a plugin was written for, which fits; this one, if it says none.

    Args:
        declared: What it says (`written_for`).
        distribution: What pip calls it.

    Raises:
        PluginError: It is newer, or of another major version; says what to do.
    """
    if declared is None:
        return API_VERSION
    wanted, ours = ApiVersion.parse(declared), ApiVersion.parse(API_VERSION)
    if wanted.major == ours.major and wanted <= ours:
        return str(wanted)
    said = (
        f"it is written for version {wanted} of the plugin API, and this forget ({_installed()}) "
        f"has {ours}."
    )
    if wanted > ours:
        raise PluginError(f"{said} Upgrade forget: pip install --upgrade {_DISTRIBUTION}")
    raise PluginError(
        f"{said} Ask for a version of {distribution} that is written for {ours.major}.0 or "
        f"later: pip install --upgrade {distribution}"
    )


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Check that a registered plugin implements no hook that there is not.

    One that it marks ``@hookimpl(optionalhook=True)`` may be missing: a plugin that is also for
    newer versions has it.

    Raises:
        PluginError: Which, and what to do.
    """
    for caller in manager.get_hookcallers(plugin) or ():
        mine = [i for i in caller.get_hookimpls() if i.plugin is plugin and not i.optionalhook]
        if mine and not caller.has_spec():
            raise PluginError(
                f"it implements a hook {caller.name!r}, which version {API_VERSION} of the plugin "
                f"API does not have. Its hooks are {', '.join(HOOKS)}. Mend its name; if a newer "
                f"forget has it: pip install --upgrade {_DISTRIBUTION}"
            )


def why_not_imported(point: EntryPoint) -> str:
    """Say why the import of a plugin may have failed: it is for another forget; else nothing."""
    try:
        check_version(written_for(point.module), point.dist.name if point.dist else point.name)
    except PluginError as error:
        return str(error)
    for requirement in _requirements(point):
        return (
            f"it needs {requirement}, and this is {_installed()}: pip install "
            f"'{_DISTRIBUTION}{requirement.specifier}'"
        )
    return ""


def _requirements(point: EntryPoint) -> Iterator[Requirement]:
    """Yield what a plugin's distribution asks of forget and does not get."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    ours = _version()
    for text in (point.dist.requires if point.dist else None) or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        of_us = canonicalize_name(wanted.name) == _DISTRIBUTION
        holds = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if of_us and holds and ours and not wanted.specifier.contains(ours, prereleases=True):
            yield wanted


def _version() -> str:
    """Return forget's own version; nothing in a source tree that was never installed."""
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return ""


def _installed() -> str:
    return f"{_DISTRIBUTION} {_version()}".rstrip()
