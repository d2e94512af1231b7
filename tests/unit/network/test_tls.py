"""Our TLS against Python's, with the network between them in the test's hands."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pymosn import snapshot
from pymosn.network.certificates import read_authorities, read_certificate
from pymosn.network.openssl import TlsError
from pymosn.network.tls import TicketKeys, new_ticket_key
from pymosn.network.tls_context import check_context
from tests.support.tls import DONE, EAGAIN, Authority, Ours, Wire, joined

NAME = "example.test"
EPROTO = 71
ECONNRESET = 104
BOTH = ("TLSv1_2", "TLSv1_3")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ours() -> Ours:
    return Ours()


def version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name]


def ask_at_once(wire: Wire, request: bytes) -> None:
    """Have Python, the client, write its request right behind the end of the handshake."""
    with pytest.raises(ssl.SSLWantReadError):
        wire.peer.do_handshake()
    wire.pass_on()
    assert wire.layer.step(wire.fd) == 0
    wire.take()
    wire.peer.do_handshake()
    wire.peer.write(request)


def served(ours: Ours, authority: Authority, client: ssl.SSLContext, **settings: object) -> Wire:
    """Return a wire on which Python is the client, after the handshake."""
    wire = Wire(ours.server(authority.context(NAME, **settings)).session(), client, name=NAME)
    assert wire.shake() == DONE, wire.layer.error
    return wire


def asked(ours: Ours, authority: Authority, server: ssl.SSLContext, **settings: object) -> Wire:
    """Return a wire on which Python is the server, after the handshake."""
    context = snapshot.TlsContext(ca=authority.pem, verify="full", **settings)
    wire = Wire(ours.client(context, NAME).session(), server)
    assert wire.shake() == DONE, wire.layer.error
    return wire


# -- bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("newest", BOTH)
@pytest.mark.parametrize("side", ["server", "client"])
def test_bytes_both_ways(ours: Ours, authority: Authority, newest: str, side: str) -> None:
    if side == "server":
        wire = served(ours, authority, authority.client(maximum_version=version(newest)))
    else:
        wire = asked(ours, authority, authority.server(NAME, maximum_version=version(newest)))
    with wire:
        assert wire.layer.fact("version").decode().replace(".", "_") == newest
        assert wire.write(b"hello") == b"hello"
        assert wire.layer.write(wire.fd, [b"abc", b"def"]) == 6
        assert wire.read() == b"abcdef"


@pytest.mark.parametrize("newest", BOTH)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_few_bytes_at_a_time(ours: Ours, authority: Authority, newest: str, size: int) -> None:
    client = authority.client(maximum_version=version(newest))
    wire = Wire(ours.server(authority.context(NAME)).session(), client, name=NAME)
    with wire:
        assert wire.shake(size) == DONE
        wire.peer.write(b"x" * 300)
        found = []
        while wire.pass_on(size):
            found.append(wire.layer.read(wire.fd))
        assert joined(found) == b"x" * 300
        assert EAGAIN in found


def test_small_pieces_share_a_record(ours: Ours, authority: Authority) -> None:
    with served(ours, authority, authority.client()) as wire:
        wire.read()  # the ticket
        assert wire.layer.write(wire.fd, [b"head\r\n", b"body" * 10, b"end"]) == 49
        raw = wire.far.recv(1 << 16)
        assert len(raw) == 5 + 49 + 1 + 16  # header, content type, tag
        wire.received.write(raw)
        assert wire.peer.read(100) == b"head\r\n" + b"body" * 10 + b"end"


@pytest.mark.parametrize("first", [0, 1, 300, 8191, 8192, 16383, 16384, 16385])
def test_pieces_of_every_size(ours: Ours, authority: Authority, first: int) -> None:
    pieces = [b"a" * first, bytes(range(256)) * 300, b"z" * 5]
    expected = b"".join(pieces)
    with served(ours, authority, authority.client()) as wire:
        received = b""
        sent = 0
        while sent < len(expected):
            rest = expected[sent:]
            # The list as a connection keeps it: what has left is gone from its front.
            output = [rest[: max(1, first - sent)], rest[max(1, first - sent) :]]
            count = wire.layer.write(wire.fd, [piece for piece in output if piece])
            assert count >= 0
            sent += count
            received += wire.read()
        assert received == expected


def test_a_full_socket_takes_the_rest_later(ours: Ours, authority: Authority) -> None:
    """What is reported as sent has left: nothing is lost when a connection closes then."""
    data = b"0123456789abcdef" * 4096
    with served(ours, authority, authority.client()) as wire:
        wire.read()
        reported = 0
        full = 0
        for _ in range(1000):
            count = wire.layer.write(wire.fd, [data])
            if count == 0:
                full += 1
                break
            reported += count
        assert full == 1
        assert wire.layer.write(wire.fd, [data]) == 0  # nobody has read
        received = b""
        while len(received) < reported + len(data):
            received += wire.read()
            if len(received) < reported + len(data):
                count = wire.layer.write(wire.fd, [data])
                if count:
                    assert count == len(data)
                    break
        received += wire.read()
        assert len(received) == reported + len(data)
        assert received == data * (len(received) // len(data))


def test_what_left_with_a_push_is_not_sent_twice(ours: Ours, authority: Authority) -> None:
    """A connection pushes after a read, too: the writer hears of it with the next write."""
    data = b"0123456789abcdef" * 4096
    with served(ours, authority, authority.client()) as wire:
        wire.read()
        reported = 0
        while count := wire.layer.write(wire.fd, [data]):
            reported += count
        received = b""
        while wire.layer.push_on(wire.fd) == 0:
            received += wire.read()
        assert wire.layer.write(wire.fd, [data]) == len(data)
        while piece := wire.read():
            received += piece
        assert received == data * (reported // len(data) + 1)


def test_much_at_once_arrives_in_one_piece_a_read(ours: Ours, authority: Authority) -> None:
    data = bytes(range(256)) * 240
    with served(ours, authority, authority.client()) as wire:
        wire.peer.write(data)
        found = []
        while wire.pass_on(30000):
            found.append(wire.layer.read(wire.fd))
        assert joined(found) == data


def test_what_came_with_the_finished_is_not_lost(ours: Ours, authority: Authority) -> None:
    wire = Wire(ours.server(authority.context(NAME)).session(), authority.client(), name=NAME)
    with wire:
        ask_at_once(wire, b"early")
        wire.pass_on()
        assert wire.layer.step(wire.fd) == DONE
        assert wire.layer.read(wire.fd) == b"early"
        assert wire.layer.read(wire.fd) == EAGAIN


# -- ends ------------------------------------------------------------------------------------------


def test_an_announced_end(ours: Ours, authority: Authority) -> None:
    with served(ours, authority, authority.client()) as wire:
        wire.peer.write(b"last words")
        with pytest.raises(ssl.SSLWantReadError):
            wire.peer.unwrap()
        wire.pass_on()
        assert wire.layer.read(wire.fd) == b"last words"
        assert wire.layer.more
        assert wire.layer.read(wire.fd) == 0
        assert wire.layer.write(wire.fd, [b"still here"], True) == 10
        assert wire.read() == b"still here"


def test_an_end_nobody_announced_is_an_error(ours: Ours, authority: Authority) -> None:
    with served(ours, authority, authority.client()) as wire:
        wire.write(b"GET")
        wire.far.shutdown(1)
        assert wire.layer.read(wire.fd) == ECONNRESET
        assert "close_notify" in wire.layer.error


def test_the_last_bytes_say_that_nothing_follows(ours: Ours, authority: Authority) -> None:
    with served(ours, authority, authority.client()) as wire:
        assert wire.layer.write(wire.fd, [b"bye"], True) == 3
        wire.take()
        assert wire.peer.read(10) == b"bye"
        assert wire.peer.read(10) == b""  # without an end it would want to read


def test_a_forged_record_ends_the_connection(ours: Ours, authority: Authority) -> None:
    with served(ours, authority, authority.client()) as wire:
        wire.peer.write(b"good")
        good = wire.sending.read()
        wire.far.sendall(good + b"\x17\x03\x03\x00\x20" + b"\xaa" * 32)
        assert wire.layer.read(wire.fd) == b"good"
        assert wire.layer.read(wire.fd) == EPROTO
        assert wire.layer.error


def test_a_handshake_out_of_place_ends_the_connection(ours: Ours, authority: Authority) -> None:
    """Renegotiation itself is asked of openssl, in the integration tests: Python cannot."""
    client = authority.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    with served(ours, authority, client) as wire:
        wire.far.sendall(b"\x16\x03\x03\x00\x05\x01\x00\x00\x01\x00")
        assert wire.layer.read(wire.fd) == EPROTO


@pytest.mark.parametrize(
    ("bytes_sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "plain HTTP"),
        (b"\x00\x01\x02 something else entirely", "does not speak TLS"),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", "plain HTTP"),
    ],
)
def test_plain_text_on_a_tls_port(
    ours: Ours, authority: Authority, bytes_sent: bytes, reason: str
) -> None:
    wire = Wire(ours.server(authority.context(NAME)).session(), authority.client(), name=NAME)
    with wire:
        wire.far.sendall(bytes_sent)
        assert wire.layer.step(wire.fd) == -EPROTO
        assert reason in wire.layer.error


def test_a_client_that_leaves_in_the_handshake(ours: Ours, authority: Authority) -> None:
    wire = Wire(ours.server(authority.context(NAME)).session(), authority.client(), name=NAME)
    with wire:
        wire.far.shutdown(1)
        assert wire.layer.step(wire.fd) == -ECONNRESET
        assert "during the handshake" in wire.layer.error


def test_a_plain_server_is_told_from_one_with_tls(ours: Ours, authority: Authority) -> None:
    layer = ours.client(snapshot.TlsContext(ca=authority.pem, verify="full"), NAME).session()
    with Wire(layer, authority.server(NAME)) as wire:
        assert layer.step(wire.fd) == 0
        wire.far.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        assert layer.step(wire.fd) == -EPROTO
        assert "does not speak TLS" in layer.error


def test_the_inspector_lets_plain_text_pass(ours: Ours, authority: Authority) -> None:
    server = ours.server(authority.context(NAME), inspector=True)
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        assert wire.layer.step(wire.fd) == 0  # nothing has come
        wire.far.sendall(b"G")
        assert wire.layer.step(wire.fd) == 2
        assert wire.near.recv(10) == b"G"
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        assert wire.shake() == DONE


# -- which certificate -----------------------------------------------------------------------------


def chosen(ours_server: object, client: ssl.SSLContext, name: str, **named: object) -> str:
    """Return the first name of the certificate that a client is shown."""
    with Wire(ours_server.session(), client, name=name, **named) as wire:
        assert wire.shake() == DONE, wire.layer.error
        names = wire.peer.getpeercert()["subjectAltName"]
        return str(names[0][1])


def test_the_name_chooses(ours: Ours, authority: Authority) -> None:
    server = ours.server(
        authority.context("first.test"),
        authority.context("*.wild.test"),
        authority.context("api.wild.test"),
        authority.context("*.deep.wild.test", server_names=["extra.test"]),
    )
    client = authority.client(check_hostname=False)
    for name, expected in (
        ("first.test", "first.test"),
        ("api.wild.test", "api.wild.test"),  # exactly, though the wildcard stands before it
        ("www.wild.test", "*.wild.test"),
        ("a.b.wild.test", "*.wild.test"),
        ("x.deep.wild.test", "*.deep.wild.test"),
        ("API.Wild.Test", "api.wild.test"),
        ("extra.test", "*.deep.wild.test"),
        ("wild.test", "first.test"),
        ("nobody.test", "first.test"),
    ):
        assert chosen(server, client, name) == expected, name


def test_without_a_name_the_protocol_chooses(ours: Ours, authority: Authority) -> None:
    server = ours.server(
        authority.context("first.test", alpn=["http/1.1"]),
        authority.context("second.test", alpn=["h2"]),
    )
    client = authority.client(check_hostname=False)
    client.set_alpn_protocols(["h2"])
    assert chosen(server, client, "nobody.test") == "second.test"
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert chosen(server, client, "nobody.test") == "first.test"


def test_a_chosen_context_brings_all_its_rules(ours: Ours, authority: Authority) -> None:
    server = ours.server(
        authority.context("lax.test"),
        authority.context("strict.test", min_version="1.3"),
        authority.context("mutual.test", verify="require", ca=authority.pem),
    )
    old = authority.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    assert chosen(server, old, "lax.test") == "lax.test"
    for name in ("strict.test", "mutual.test"):
        with Wire(server.session(), old, name=name) as wire:
            assert wire.shake() < 0 or name == "mutual.test"
            assert wire.layer.error


@pytest.mark.parametrize("newest", BOTH)
def test_rsa_and_ecdsa_side_by_side(ours: Ours, authority: Authority, newest: str) -> None:
    both = [authority.issue(NAME, key_type="RSA"), authority.issue(NAME, key_type="ECDSA")]
    server = ours.server(snapshot.TlsContext(certificates=both))
    client = authority.client(maximum_version=version(newest))
    with Wire(server.session(), client, name=NAME) as wire:
        assert wire.shake() == DONE
        der = wire.peer.getpeercert(True)
    assert read_certificate(ssl.DER_cert_to_PEM_cert(der), "").key_type == "ECDSA"
    if newest == "TLSv1_2":
        client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        with Wire(server.session(), client, name=NAME) as wire:
            assert wire.shake() == DONE
            der = wire.peer.getpeercert(True)
        assert read_certificate(ssl.DER_cert_to_PEM_cert(der), "").key_type == "RSA"


def test_protocols_are_negotiated(ours: Ours, authority: Authority) -> None:
    client = authority.client()
    client.set_alpn_protocols(["http/1.1", "h2"])
    with served(ours, authority, client, alpn=["h2", "http/1.1"]) as wire:
        assert wire.peer.selected_alpn_protocol() == "h2"  # the server's order
        assert wire.layer.alpn == b"h2"
    server = authority.server(NAME)
    server.set_alpn_protocols(["http/1.1"])
    with asked(ours, authority, server, alpn=["h2", "http/1.1"]) as wire:
        assert wire.layer.alpn == b"http/1.1"


def test_no_common_protocol_is_an_error(ours: Ours, authority: Authority) -> None:
    client = authority.client()
    client.set_alpn_protocols(["acme-tls/1"])
    server = ours.server(authority.context(NAME, alpn=["h2"]))
    with Wire(server.session(), client, name=NAME) as wire:
        assert wire.shake() == -EPROTO


# -- versions and suites ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_versions_only_when_asked(ours: Ours, authority: Authority) -> None:
    def old_client() -> ssl.SSLContext:
        client = authority.client()
        client.minimum_version = ssl.TLSVersion.TLSv1_1
        client.maximum_version = ssl.TLSVersion.TLSv1_1
        client.set_ciphers("ALL:@SECLEVEL=0")
        return client

    server = ours.server(authority.context(NAME))
    with Wire(server.session(), old_client(), name=NAME) as wire:
        assert wire.shake() == -EPROTO
    lax = authority.context(NAME, min_version="1.0", ciphers="ECDHE-ECDSA-AES128-SHA")
    with Wire(ours.server(lax).session(), old_client(), name=NAME) as wire:
        assert wire.shake() == DONE
        assert wire.layer.fact("version") == b"TLSv1.1"


def test_no_weak_suite_by_default(ours: Ours, authority: Authority) -> None:
    client = authority.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    client.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA")
    server = ours.server(authority.context(NAME))
    with Wire(server.session(), client, name=NAME) as wire:
        assert wire.shake() == -EPROTO


def test_the_configured_suites_and_groups(ours: Ours, authority: Authority) -> None:
    settings = {"ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305", "max_version": "1.2"}
    with served(ours, authority, authority.client(), **settings) as wire:
        assert wire.peer.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    with served(ours, authority, authority.client(), suites="TLS_AES_256_GCM_SHA384") as wire:
        assert wire.layer.fact("cipher") == b"TLS_AES_256_GCM_SHA384"
    client = authority.client()
    client.set_ecdh_curve("prime256v1")
    server = ours.server(authority.context(NAME, groups="X25519"))
    with Wire(server.session(), client, name=NAME) as wire:
        assert wire.shake() == -EPROTO


# -- client certificates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verify", "given", "welcome"),
    [
        ("none", "", True),
        ("none", "ours", True),
        ("request", "", True),
        ("request", "strange", True),
        ("optional", "", True),
        ("optional", "ours", True),
        ("optional", "strange", False),
        ("require", "", False),
        ("require", "ours", True),
        ("require", "strange", False),
    ],
)
@pytest.mark.parametrize("newest", BOTH)
def test_client_certificates(
    ours: Ours, authority: Authority, verify: str, given: str, welcome: bool, newest: str
) -> None:
    client = authority.client(maximum_version=version(newest))
    if given:
        issuer = authority if given == "ours" else Authority()
        issuer.ca.issue_cert("client@example.test", common_name="me").configure_cert(client)
    server = ours.server(authority.context(NAME, verify=verify, ca=authority.pem))
    with Wire(server.session(), client, name=NAME) as wire:
        try:
            result = wire.shake()
        except ssl.SSLError:
            result = -1
        assert (result == DONE) == welcome, wire.layer.error
        if not welcome:
            assert "certificate" in wire.layer.error
        elif given == "ours" and verify != "none":
            assert wire.layer.fact("peer_verified") == b"true"
        elif given == "strange":
            assert wire.layer.fact("peer_verified") == b"false"
        else:
            assert wire.layer.fact("peer_verified") is None


@pytest.mark.parametrize(("allowed", "welcome"), [("SPIFFE://a/b", True), ("spiffe://a/c", False)])
def test_the_names_of_clients(
    ours: Ours, authority: Authority, allowed: str, welcome: bool, tmp_path
) -> None:
    client = authority.client()
    load_uris(client, authority, ["spiffe://a/b"], tmp_path)
    context = authority.context(NAME, verify="require", ca=authority.pem, peer_names=[allowed])
    with Wire(ours.server(context).session(), client, name=NAME) as wire:
        try:
            result = wire.shake()
        except ssl.SSLError:
            result = -1
        assert (result == DONE) == welcome
        if not welcome:
            assert wire.layer.error.endswith("none of its names is allowed")


def test_facts_of_a_client(ours: Ours, authority: Authority, tmp_path) -> None:
    client = authority.client()
    uris = ["spiffe://a/b", "spiffe://a/with,comma", "spiffe://a/new\nline"]
    load_uris(client, authority, uris, tmp_path)
    with served(ours, authority, client, verify="require", ca=authority.pem) as wire:
        fact = wire.layer.fact
        assert fact("peer_uri_san") == b"spiffe://a/b,spiffe://a/with%2Ccomma"
        assert fact("peer_subject") == b"CN=a client"
        assert fact("server_name") == NAME.encode()
        assert fact("resumed") == b"false"
        assert len(fact("peer_fingerprint")) == 64
        assert fact("peer_certificate").startswith(b"-----BEGIN%20CERTIFICATE-----%0A")
        assert int(fact("peer_not_after")) > time.time()
        assert b"trustme" in fact("peer_issuer")
        assert int(fact("peer_serial"), 16) > 0
        assert fact("nonsense") is None


def load_uris(
    client: ssl.SSLContext, authority: Authority, uris: list[str], directory: Path
) -> None:
    """Give a client a certificate with these names."""
    names = [x509.UniformResourceIdentifier._init_without_validation(uri) for uri in uris]
    authority.write(directory, "client", authority.issue_odd("a client", names=names))
    client.load_cert_chain(directory / "client.crt", directory / "client.key")


# -- servers that we verify ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "names", "verify", "trusted", "welcome"),
    [
        ("example.test", ["example.test"], "full", True, True),
        ("www.example.test", ["*.example.test"], "full", True, True),
        ("a.b.example.test", ["*.example.test"], "full", True, False),
        ("other.test", ["example.test"], "full", True, False),
        ("other.test", ["example.test"], "chain", True, True),
        ("other.test", ["example.test"], "none", False, True),
        ("example.test", ["example.test"], "full", False, False),
        ("127.0.0.1", ["127.0.0.1"], "full", True, True),
        ("127.0.0.2", ["127.0.0.1"], "full", True, False),
        ("::1", ["::1"], "full", True, True),
    ],
)
def test_servers_are_verified(
    ours: Ours, name: str, names: list[str], verify: str, trusted: bool, welcome: bool
) -> None:
    authority, other = Authority(), Authority()
    context = snapshot.TlsContext(ca=(authority if trusted else other).pem, verify=verify)
    layer = ours.client(context, name).session()
    with Wire(layer, authority.server(*names)) as wire:
        try:
            result = wire.shake()
        except ssl.SSLError:
            result = -1
        assert (result == DONE) == welcome, layer.error
        if not welcome:
            assert "certificate is refused" in layer.error


@pytest.mark.parametrize(("name", "sent"), [("example.test", "example.test"), ("127.0.0.1", None)])
def test_the_name_that_is_sent(
    ours: Ours, authority: Authority, name: str, sent: str | None
) -> None:
    server = authority.server(name)
    seen = []
    server.sni_callback = lambda _, server_name, __: seen.append(server_name)
    context = snapshot.TlsContext(ca=authority.pem, verify="full")
    with Wire(ours.client(context, name).session(), server) as wire:
        assert wire.shake() == DONE
    assert seen == [sent]


# -- resumption ------------------------------------------------------------------------------------


@pytest.mark.parametrize("newest", BOTH)
def test_sessions_are_resumed_at_another_worker(authority: Authority, newest: str) -> None:
    keys = [new_ticket_key()]
    context = authority.context(NAME)
    one, other = Ours(), Ours()
    client = authority.client(maximum_version=version(newest))
    with Wire(one.server(context, tickets=TicketKeys(keys)).session(), client, name=NAME) as wire:
        assert wire.shake() == DONE
        wire.layer.write(wire.fd, [b"x"])
        wire.read()
        session = wire.peer.session
    assert session.has_ticket
    server = other.server(context, tickets=TicketKeys([new_ticket_key(), *keys]))
    with Wire(server.session(), client, name=NAME, session=session) as wire:
        assert wire.shake() == DONE
        assert wire.peer.session_reused
        assert wire.layer.fact("resumed") == b"true"
        assert wire.write(b"again") == b"again"
    assert (other.count("handshake_total"), other.count("handshake_resumed")) == (1, 1)
    stranger = other.server(context, tickets=TicketKeys([new_ticket_key()]))
    with Wire(stranger.session(), client, name=NAME, session=session) as wire:
        assert wire.shake() == DONE
        assert not wire.peer.session_reused


def test_a_ticket_leaves_at_once(ours: Ours, authority: Authority) -> None:
    # A client without TCP_NODELAY may wait for the packet before it sends its request.
    server = ours.server(authority.context(NAME))
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        assert wire.shake() == DONE
        wire.take()
        assert wire.received.pending > 0
        assert wire.read() == b""
        assert wire.peer.session.has_ticket


@contextmanager
def asked_at_once(ours: Ours, authority: Authority, request: bytes) -> Iterator[Wire]:
    """Yield a wire whose client sent its request right behind the end of the handshake."""
    server = ours.server(authority.context(NAME))
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        ask_at_once(wire, request)
        wire.pass_on()
        assert wire.layer.step(wire.fd) == DONE
        yield wire


def test_a_ticket_waits_for_the_reply_to_a_request_that_is_there(
    ours: Ours, authority: Authority
) -> None:
    with asked_at_once(ours, authority, b"request") as wire:
        wire.take()
        assert wire.received.pending == 0
        assert wire.layer.read(wire.fd) == b"request"
        assert wire.layer.write(wire.fd, [b"reply"]) == 5
        assert wire.read() == b"reply"
        assert wire.peer.session.has_ticket


def test_a_ticket_comes_before_the_end(ours: Ours, authority: Authority) -> None:
    with asked_at_once(ours, authority, b"request") as wire:
        wire.layer.close(wire.fd)
        assert wire.read() == b""
        assert wire.peer.session.has_ticket


def test_a_ticket_does_not_wait_for_a_part_of_a_record(ours: Ours, authority: Authority) -> None:
    server = ours.server(authority.context(NAME))
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        ask_at_once(wire, b"request")
        wire.pass_on(wire.sending.pending - 3)
        assert wire.layer.step(wire.fd) == DONE
        wire.take()
        assert wire.received.pending > 0
        wire.pass_on()
        assert wire.layer.read(wire.fd) == b"request"


def test_forgotten_ticket_keys(ours: Ours, authority: Authority) -> None:
    tickets = TicketKeys()
    server = ours.server(authority.context(NAME), tickets=tickets)
    client = authority.client()
    with Wire(server.session(), client, name=NAME) as wire:
        wire.shake()
        wire.layer.write(wire.fd, [b"x"])
        wire.read()
        session = wire.peer.session
    tickets.replace([new_ticket_key()])
    with Wire(server.session(), client, name=NAME, session=session) as wire:
        assert wire.shake() == DONE
        assert not wire.peer.session_reused
    with pytest.raises(ValueError, match="80 bytes"):
        tickets.replace([b"short"])


def test_a_session_does_not_carry_over_to_stricter_rules(ours: Ours, authority: Authority) -> None:
    """A client that showed no certificate cannot get in with a ticket of the lax context."""
    tickets = TicketKeys()
    client = authority.client()
    certificates = [authority.issue(NAME)]
    lax = snapshot.TlsContext(certificates=certificates)
    strict = snapshot.TlsContext(certificates=certificates, verify="require", ca=authority.pem)
    with Wire(ours.server(lax, tickets=tickets).session(), client, name=NAME) as wire:
        wire.shake()
        wire.layer.write(wire.fd, [b"x"])
        wire.read()
        session = wire.peer.session
    layer = ours.server(strict, tickets=tickets).session()
    with Wire(layer, client, name=NAME, session=session) as wire:
        assert wire.shake() == -EPROTO
        assert "did not return a certificate" in layer.error


@pytest.mark.parametrize("newest", BOTH)
def test_our_client_resumes(ours: Ours, authority: Authority, newest: str) -> None:
    server = authority.server(NAME, maximum_version=version(newest))
    client = ours.client(snapshot.TlsContext(ca=authority.pem, verify="full"), NAME)
    for attempt in range(3):
        with Wire(client.session(), server) as wire:
            assert wire.shake() == DONE
            assert wire.layer.fact("resumed") == (b"true" if attempt else b"false")
            assert wire.write(b"hi") == b"hi"
    assert ours.count("handshake_resumed") == 2


def test_our_client_keeps_no_more_than_a_few_sessions(ours: Ours, authority: Authority) -> None:
    server = authority.server(NAME)
    client = ours.client(snapshot.TlsContext(ca=authority.pem, verify="full"), NAME)
    wires = [Wire(client.session(), server) for _ in range(20)]
    for wire in wires:
        assert wire.shake() == DONE
        wire.write(b"x")
    for wire in wires:
        wire.__exit__()
    with Wire(client.session(), server) as wire:
        assert wire.shake() == DONE
        assert wire.layer.fact("resumed") == b"true"


# -- what cannot be used ---------------------------------------------------------------------------


def test_certificates_are_checked(authority: Authority) -> None:
    one, other = authority.issue("a.test", "b.test"), authority.issue("c.test", key_type="RSA")
    facts = read_certificate(one.chain, one.key)
    assert facts.names == ["a.test", "b.test"]
    assert facts.key_type == "ECDSA"
    assert facts.not_before < time.time() < facts.not_after
    with pytest.raises(TlsError, match="does not belong"):
        read_certificate(one.chain, other.key)
    with pytest.raises(TlsError, match="not PEM"):
        read_certificate("nonsense", one.key)
    with pytest.raises(TlsError, match="not PEM"):
        read_certificate(one.chain, "nonsense")
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(TlsError, match="number 2 cannot be read"):
        read_certificate(one.chain + broken, one.key)
    assert read_authorities(authority.pem * 2) == 2
    with pytest.raises(TlsError, match="CA certificate"):
        read_authorities("")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_keys_of_every_curve_of_tls_1_3(
    ours: Ours, authority: Authority, curve: ec.EllipticCurve
) -> None:
    certificate = authority.issue_odd("any", names=[x509.DNSName(NAME)], curve=curve)
    server = ours.server(snapshot.TlsContext(certificates=[certificate]))
    with Wire(server.session(), authority.client(), name=NAME) as wire:
        assert wire.shake() == DONE, wire.layer.error
        assert wire.layer.fact("version") == b"TLSv1.3"


def test_a_key_of_another_curve_is_refused(authority: Authority) -> None:
    odd = authority.issue_odd("any", curve=ec.SECP256K1())
    with pytest.raises(TlsError, match="of the curve secp256k1, with which no handshake"):
        read_certificate(odd.chain, odd.key)
    with pytest.raises(TlsError, match="of the curve secp256k1, with which no handshake"):
        check_context(snapshot.TlsContext(certificates=[odd]))


def test_an_encrypted_key_is_not_asked_for(authority: Authority) -> None:
    one = authority.issue("a.test")
    key = serialization.load_pem_private_key(one.key.encode(), password=None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()
    with pytest.raises(TlsError, match="encrypted"):
        read_certificate(one.chain, encrypted)


@pytest.mark.parametrize(
    "settings",
    [
        {"ciphers": "NO-SUCH-CIPHER"},
        {"suites": "NO_SUCH_SUITE"},
        {"groups": "no-such-group"},
        {"min_version": "1.9"},
        {"verify": "sometimes"},
        {"verify": "require", "ca": "nonsense"},
    ],
)
def test_settings_that_openssl_refuses(
    ours: Ours, authority: Authority, settings: dict[str, str]
) -> None:
    context = authority.context(NAME, **settings)
    with pytest.raises(TlsError, match=r"^listener l: "):
        ours.server(context)
    if "ca" in settings or "verify" not in settings:
        with pytest.raises(TlsError):
            check_context(context)


def test_a_server_needs_a_certificate(ours: Ours) -> None:
    with pytest.raises(TlsError, match="no certificate"):
        ours.server(snapshot.TlsContext())
    with pytest.raises(TlsError, match="no TLS context"):
        ours.server()


def test_a_stapled_response(ours: Ours, authority: Authority, tmp_path) -> None:
    """Python does not ask for one; openssl does (see the integration tests).  Here: it is taken."""
    certificate = authority.issue(NAME)
    stapled = snapshot.Certificate(certificate.chain, certificate.key, b"\x30\x03\x0a\x01\x06")
    server = ours.server(snapshot.TlsContext(certificates=[stapled]))
    assert chosen(server, authority.client(), NAME) == NAME


def test_a_key_is_not_shown(authority: Authority) -> None:
    context = authority.context(NAME)
    assert "PRIVATE" not in repr(snapshot.TlsServer([context]))


# -- nothing is left -------------------------------------------------------------------------------


def test_handshakes_leave_no_memory(ours: Ours, authority: Authority) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    server = ours.server(authority.context(NAME))
    context = snapshot.TlsContext(ca=authority.pem, verify="full")
    peers = ours.client(context, NAME)
    client, other = authority.client(), authority.server(NAME)

    def once() -> None:
        with Wire(server.session(), client, name=NAME) as wire:
            assert wire.shake() == DONE
            wire.write(b"x" * 20000)
        with Wire(peers.session(), other) as wire:
            assert wire.shake() == DONE
            wire.layer.write(wire.fd, [b"x" * 20000])

    for _ in range(100):
        once()
    before = resident()
    for _ in range(400):
        once()
    # A lost SSL alone is more than 5 KB: 800 of them would be 4 MB.
    assert resident() - before < 1_000_000
