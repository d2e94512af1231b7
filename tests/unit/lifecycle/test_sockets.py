"""Binding: who may have an address, and what is left when it fails."""

import os
import socket
from pathlib import Path

import pytest

from pymosn.lifecycle.sockets import BindError, ListeningSockets, key, remove_stale
from pymosn.snapshot import Listener


def listener(address: str = "127.0.0.1:0", name: str = "web") -> Listener:
    return Listener(name=name, address=address)


def connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def test_each_worker_has_its_socket() -> None:
    sockets = ListeningSockets()
    web = listener()
    sockets.bind([web], 3)
    found = {sockets.descriptor(key(web), worker) for worker in range(3)}
    assert len(found) == 3
    assert connects(sockets.bound_address(web))
    sockets.close()


def test_more_and_fewer_workers() -> None:
    sockets = ListeningSockets()
    web = listener()
    sockets.bind([web], 1)
    address = sockets.bound_address(web)
    assert sockets.bind([web], 3) == []
    assert sockets.bound_address(web) == address
    sockets.descriptor(key(web), 2)
    sockets.keep_only([web], 1)
    assert connects(address)
    sockets.close()
    assert not connects(address)


def test_a_stranger_with_reuseport_is_noticed() -> None:
    sockets = ListeningSockets()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(BindError) as caught:
            sockets.bind([listener(), listener(address, "second")], 2)
    assert str(caught.value) == f"listener 'second': {address} is in use by another program"
    with pytest.raises(KeyError):
        sockets.descriptor(key(listener()), 0)


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(BindError, match="is not an address of this machine"):
        ListeningSockets().bind([listener("192.0.2.1:8080")], 1)


def test_a_wildcard_may_follow_a_narrow_address_of_ours() -> None:
    sockets = ListeningSockets()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    narrow, wide = listener(f"127.0.0.1:{port}"), listener(f"0.0.0.0:{port}", "wide")
    sockets.bind([narrow], 1)
    assert sockets.bind([narrow, wide], 1) == [key(wide)]
    sockets.close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_ipv6_wildcard_takes_ipv4_too_unless_somebody_else_does() -> None:
    sockets = ListeningSockets()
    everything = listener("[::]:0")
    sockets.bind([everything], 2)
    port = sockets.bound_address(everything).rpartition(":")[2]
    assert connects(f"127.0.0.1:{port}")
    sockets.close()


def test_unix_sockets_are_shared_and_removed(directory: Path) -> None:
    path = directory / "web.sock"
    sockets = ListeningSockets()
    web = listener(f"unix:{path}")
    sockets.bind([web], 3)
    assert sockets.descriptor(key(web), 0) == sockets.descriptor(key(web), 2)
    sockets.close()
    assert not path.exists()


def test_a_unix_socket_in_use_is_left_alone(directory: Path) -> None:
    path = directory / "web.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(BindError, match="in use"):
            ListeningSockets().bind([listener(f"unix:{path}")], 1)
    assert path.exists()


def test_only_stale_sockets_are_removed(directory: Path) -> None:
    file = directory / "file"
    file.write_text("precious")
    remove_stale(str(file))
    assert file.exists()
    with pytest.raises(BindError):
        ListeningSockets().bind([listener(f"unix:{file}")], 1)
    stale = directory / "stale"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    remove_stale(str(stale))
    assert not stale.exists()


def test_abstract_unix_sockets() -> None:
    sockets = ListeningSockets()
    web = listener(f"unix:@pymosn-test-{os.getpid()}")
    sockets.bind([web], 1)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0pymosn-test-{os.getpid()}")
    sockets.close()
