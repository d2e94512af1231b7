"""In what order a turn of the reactor does its work."""

import select
import ssl

from tests.support.clients import Clients, get, read_reply
from tests.support.configs import http_listener, pausing_config
from tests.support.secured import NAME, context
from tests.support.tls import client_hello

HANDSHAKES = 16
TRIES = 5
"""A busy machine may keep the client from looking in time; not every time."""


def test_handshakes_hold_nobody_up(pymosn, origin, files) -> None:
    """What is quick is done before those of its turn, and between those that are left over."""
    config = pausing_config(origin.address)
    server = config["servers"][0]
    server["routers"][0]["virtual_hosts"][0]["routers"].insert(
        0, {"match": {"path": "/quick"}, "direct_response": {"status": 200}}
    )
    listener = http_listener("secured")
    listener["filter_chains"][0]["tls_context_set"] = [context(files, "rsa")]
    server["listeners"].append(listener)
    proxy = pymosn(config)
    hello = client_hello(ssl.create_default_context(), NAME)
    before, between = [], []
    for _ in range(TRIES):
        with (
            Clients(proxy.address, 1) as clients,
            Clients(proxy.addresses["secured"], HANDSHAKES) as shaking,
        ):
            [other] = clients.others
            other.sendall(get("/quick"))
            read_reply(other)
            clients.pause()
            for sock in shaking.others:
                sock.sendall(hello)
            for done in (before, between):
                other.sendall(get("/quick"))
                read_reply(other)
                done.append(len(select.select(shaking.others, [], [], 0)[0]))
            for sock in shaking.others:
                assert sock.recv(1) == b"\x16"  # a handshake record (RFC 8446 §5.1)
    assert min(before) < HANDSHAKES / 2
    assert min(between) < HANDSHAKES
