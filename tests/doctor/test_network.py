"""A sealed process fails like one on a machine without a network, and tells who was asked."""

from __future__ import annotations

import errno
import os
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from forget.doctor import network
from forget.doctor.network import asked_hosts, is_offline, seal, set_by_sealing


@pytest.fixture(autouse=True)
def sealed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seal this process for one test."""
    for kind, names in (
        (socket.socket, ("connect", "connect_ex", "sendto")),
        (socket, ("getaddrinfo", "gethostbyname", "gethostbyname_ex")),
    ):
        for name in names:
            monkeypatch.setattr(kind, name, getattr(kind, name))
    monkeypatch.setattr(network, "_set", set())
    for name in (*network._OFFLINE, "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "0")
    seal()
    asked_hosts()
    yield
    asked_hosts()


def test_the_libraries_are_told() -> None:
    assert is_offline()
    assert os.environ["TRANSFORMERS_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"


@pytest.mark.parametrize(("value", "expected"), [("", False), ("0", False), ("yes", True)])
def test_the_user_may_have_told_them(
    value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert is_offline() is expected


def test_what_was_set_is_known() -> None:
    assert "HF_HUB_OFFLINE" in set_by_sealing()


def test_no_proxy_hides_who_is_asked() -> None:
    assert not [name for name in os.environ if name.lower().endswith("_proxy")]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_address_is_unreachable(family: socket.AddressFamily) -> None:
    address = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    with socket.socket(family) as stream:
        with pytest.raises(OSError, match="unreachable") as caught:
            stream.connect((address, 443))
        assert caught.value.errno == errno.ENETUNREACH
        assert stream.connect_ex((address, 443)) == errno.ENETUNREACH
    assert asked_hosts() == [address]
    assert asked_hosts() == []


def test_a_datagram_goes_nowhere() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as stream:
        for arguments in ((("192.0.2.1", 53),), (0, ("192.0.2.1", 53))):
            with pytest.raises(OSError, match="unreachable"):
                stream.sendto(b"?", *arguments)
    assert asked_hosts() == ["192.0.2.1"]


@pytest.mark.parametrize("host", ["data.example.org", b"data.example.org"])
def test_a_name_is_not_resolved(host: str | bytes) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(host, 443)
    with pytest.raises(socket.gaierror):
        socket.gethostbyname("other.example.org")
    assert asked_hosts() == ["data.example.org", "other.example.org"]


def test_a_library_sees_what_it_would_see_on_a_node() -> None:
    with pytest.raises(OSError, match="name resolution"):
        urllib.request.urlopen("https://data.example.org/rows", timeout=5)
    assert asked_hosts() == ["data.example.org"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_stays(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection((host, server.getsockname()[1]), timeout=5) as stream:
            assert stream.getpeername()[0] == "127.0.0.1"
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            assert datagrams.sendto(b"!", (host, server.getsockname()[1])) == 1
    assert socket.getaddrinfo(None, 80)
    assert asked_hosts() == []


def test_pipes_between_processes_stay() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"
    with socket.socket(socket.AF_UNIX) as stream, pytest.raises(FileNotFoundError):
        stream.connect("no-such-socket")
    assert asked_hosts() == []
