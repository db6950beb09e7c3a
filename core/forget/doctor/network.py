"""A process without a network: connections fail as on such a machine, and who was asked is kept.

Imports nothing but the standard library's sockets, so that this comes before everything else. It
holds for Python's own sockets, which is what the libraries of a study use; compiled code that opens
sockets of its own is not seen.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any

__all__ = ["asked_hosts", "is_offline", "seal", "set_by_sealing"]

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",  # it is compiled code, which would not be seen
}
_asked: list[str] = []
_set: set[str] = set()


def seal() -> None:
    """Take the network from this process: for good, and before anything else is imported.

    Loopback stays. A proxy would be reached by loopback, or hide who was asked, so there is none.
    """
    os.environ.update(_OFFLINE)
    _set.update(_OFFLINE)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    kind: Any = socket.socket
    for name in ("connect", "connect_ex", "sendto"):
        setattr(kind, name, _guarded(getattr(kind, name), name))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _local_names_only(getattr(socket, name)))


def asked_hosts() -> list[str]:
    """Return the hosts that were asked for since the last call, each once."""
    found = list(dict.fromkeys(_asked))
    _asked.clear()
    return found


def set_by_sealing() -> set[str]:
    """Return the variables of the environment that `seal` has set, and not the user."""
    return set(_set)


def is_offline() -> bool:
    """Say whether the Hub's libraries are told that there is no network."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _guarded(action: Callable[..., Any], name: str) -> Callable[..., Any]:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        # `sendto` has the address last, after the data and perhaps flags.
        address = arguments[-1]
        if self.family not in (socket.AF_INET, socket.AF_INET6) or _is_local(address[0]):
            return action(self, *arguments)
        _asked.append(_text(address[0]))
        if name == "connect_ex":
            return errno.ENETUNREACH
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    return guarded


def _local_names_only(action: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if host is None or _is_local(host):
            return action(host, *arguments, **options)
        _asked.append(_text(host))
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    return resolve


def _is_local(host: Any) -> bool:
    name = _text(host).partition("%")[0]
    if name in ("", "localhost", "localhost.localdomain", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _text(host: Any) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)
