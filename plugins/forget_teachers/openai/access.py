"""Address and key of a server: the key is read from the environment, and shown to nobody."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from forget.errors import RequestError

__all__ = ["Key", "check_address", "read_key"]

_USUAL = "OPENAI_API_KEY"

_PLACEHOLDER = "none"
"""Sent to servers that want no key; the library refuses to send nothing."""

_TELLING = 6
"""Characters in a row of a key that are struck out: servers quote parts of a key they refuse."""


class Key:
    """A key that does not show itself.

    Attributes:
        variable: The environment variable that it was read from.
        given: There is one; otherwise a placeholder is sent.
    """

    def __init__(self, variable: str, value: str) -> None:
        self.variable = variable
        self.given = bool(value)
        self._value = value

    def __repr__(self) -> str:
        return f"Key({self.variable})"

    def reveal(self) -> str:
        """Return what is sent to the server."""
        return self._value or _PLACEHOLDER

    def strike_out(self, text: str) -> str:
        """Return a text without the key or telling parts of it."""
        if self._value and len(self._value) < _TELLING:
            return text.replace(self._value, "***")
        hidden: set[int] = set()
        for start in range(len(self._value) - _TELLING + 1):
            part = self._value[start : start + _TELLING]
            place = text.find(part)
            while place >= 0:
                hidden.update(range(place, place + _TELLING))
                place = text.find(part, place + 1)
        kept = ("\0" if place in hidden else letter for place, letter in enumerate(text))
        return re.sub("\0+", "***", "".join(kept))


def read_key(variable: str) -> Key:
    """Read a key from the environment.

    Args:
        variable: The variable's name; empty for a server that wants no key.

    Raises:
        RequestError: A variable that somebody named is not set, or no header can hold its value.
    """
    value = os.environ.get(variable, "").strip() if variable else ""
    if not value and variable not in ("", _USUAL):
        raise RequestError(
            f"The environment variable {variable!r}, which a teacher of the kind openai names as "
            'api_key_env, is not set. Set it to the server\'s key, or write api_key_env = "" for '
            "a server that wants none."
        )
    if not (value.isascii() and value.isprintable()):
        raise RequestError(
            f"The environment variable {variable!r} holds characters that no key has (line breaks, "
            "or letters beyond ASCII). Copy the key into it again."
        )
    return Key(variable, value)


def check_address(base_url: str) -> None:
    """Refuse what is no address of a server, or has a password in it.

    Raises:
        RequestError: Says what an address looks like.
    """
    try:
        parts = urlsplit(base_url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(
            f"The setting base_url of a teacher of the kind openai is {base_url!r}, which is no "
            "address of a server. Write for instance http://localhost:8000/v1."
        )
    if parts.username or parts.password or parts.query:
        raise RequestError(
            "The setting base_url of a teacher of the kind openai has a user, a password or a "
            "question mark in it, and the address is shown in messages. Put the key into an "
            "environment variable and name that as api_key_env."
        )
