"""Where certificates come from, and what compiling makes of TLS contexts."""

import json
from pathlib import Path
from typing import Any

import pytest

from pymosn.config.certificates import LARGEST, CertificateError, Certificates
from pymosn.config.compile import compile_snapshot
from pymosn.config.load import parse_config
from pymosn.errors import ConfigError
from pymosn.observe.metrics import SlotTable
from pymosn.snapshot import Snapshot
from tests.support.configs import http_config

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
GIVEN = {"status": True, "cert_chain": "c", "private_key": "k"}


class Facts:
    not_before = 0
    not_after = 1 << 40

    def __init__(self, key_type: str, names: list[str]) -> None:
        self.key_type = key_type
        self.names = names


class Checks:
    """Takes ``TYPE name,name`` for the text of a certificate."""

    def pair(self, chain: str, key: str) -> Facts:
        kind, _, names = chain.partition(" ")
        if key == "wrong":
            raise ValueError("does not belong")
        return Facts(kind, names.split(","))

    def authorities(self, text: str) -> None:
        if text == "wrong":
            raise ValueError("is no CA")

    def context(self, context: Any) -> None:
        if context.ciphers == "DES-CBC3-SHA":
            raise ValueError("no cipher match")


def compiled(
    *contexts: dict[str, Any],
    cluster: dict[str, Any] | None = None,
    certificates: Certificates | None = None,
    protocol: str = "Http1",
    **listener: Any,
) -> Snapshot:
    config = http_config("127.0.0.1:1")
    web = config["servers"][0]["listeners"][0]
    web["filter_chains"][0]["filters"][0]["config"]["downstream_protocol"] = protocol
    if contexts:
        web["filter_chains"][0]["tls_context_set"] = list(contexts)
    web.update(listener)
    if cluster is not None:
        config["cluster_manager"]["clusters"][0]["tls_context"] = cluster
    loaded = parse_config(json.dumps(config), file="")
    return compile_snapshot(
        loaded.config, SlotTable(), source=loaded.source, certificates=certificates
    )


def inline() -> Certificates:
    """Return certificates of which every reference is its own text, with checks."""

    class Texts(Certificates):
        def data(self, reference: str) -> bytes:
            return reference.encode()

    return Texts(Checks())


def server(*contexts: dict[str, Any], **named: Any) -> Any:
    found = compiled(*contexts, **named).listeners[0].tls
    assert found is not None
    return found


def test_inline_and_files(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.write_text(PEM)
    certificates = Certificates()
    assert certificates.text(PEM) == certificates.text(str(file)) == PEM
    file.write_text("other")
    assert certificates.text(str(file)) == PEM  # as it was read
    assert certificates.changed() == [str(file)]
    assert certificates.fresh().text(str(file)) == "other"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * (LARGEST + 1)])
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CertificateError):
        Certificates().text(str(file))
    with pytest.raises(CertificateError):
        Certificates().text("")


@pytest.mark.parametrize(
    ("verify", "require", "expected"),
    [(True, True, "require"), (True, False, "optional"), (False, True, "request"),
     (False, False, "none")],
)  # fmt: skip
def test_what_is_asked_of_clients(verify: bool, require: bool, expected: str) -> None:
    given = {**GIVEN, "verify_client": verify, "require_client_cert": require, "ca_cert": "ca"}
    context = server(given).contexts[0]
    assert context.verify == expected
    assert context.ca == ("" if expected == "none" else "ca")


def test_defaults_are_secure() -> None:
    tls = server(GIVEN)
    context = tls.contexts[0]
    assert (context.min_version, context.max_version) == ("1.2", "1.3")
    assert (context.ciphers, context.suites, context.groups, context.alpn) == ("", "", "", [])
    assert tls.handshake_timeout == 15
    assert not tls.inspector


def test_every_key() -> None:
    tls = server(
        {
            **GIVEN,
            "server_name": "a.test",
            "cipher_suites": "ECDHE-RSA-WITH-CHACHA20-POLY1305:RSA-AES128-CBC-SHA:"
            "TLS_AES_256_GCM_SHA384",
            "ecdh_curves": "X25519, p384",
            "min_version": "TLSv1_1",
            "max_version": "tlsv1_2",
            "alpn": "http/1.1,spdy",
            "handshake_timeout": "3s",
            "type": "sni_verify",
            "extend_verify": {"match_subject_alt_names": "spiffe://a"},
        },
        inspector=True,
    )
    context = tls.contexts[0]
    assert context.server_names == ["a.test"]
    assert context.ciphers == "ECDHE-RSA-CHACHA20-POLY1305:AES128-SHA"
    assert context.suites == "TLS_AES_256_GCM_SHA384"
    assert context.groups == "X25519:P-384"
    assert (context.min_version, context.max_version) == ("1.1", "1.2")
    assert context.alpn == ["http/1.1"]
    assert context.peer_names == ["spiffe://a"]
    assert tls.handshake_timeout == 3
    assert tls.inspector


def test_old_versions_need_old_suites() -> None:
    assert "ECDHE-RSA-AES128-SHA" in server({**GIVEN, "min_version": "tlsv1_0"}).contexts[0].ciphers


@pytest.mark.parametrize(
    ("protocol", "alpn", "expected"),
    [
        ("Http1", "", []),
        ("Http1", "h2,http/1.1", ["http/1.1"]),
        ("Http1,Http2", "", ["h2", "http/1.1"]),
        ("Http1,Http2", "http/1.1,h2,sofa", ["http/1.1", "h2", "sofa"]),
        ("Http2", "h2,http/1.1", ["h2"]),
    ],
)
def test_only_what_is_spoken_is_offered(protocol: str, alpn: str, expected: list[str]) -> None:
    assert server({**GIVEN, "alpn": alpn}, protocol=protocol).contexts[0].alpn == expected


def test_certificates_that_differ_in_the_key_are_one_context() -> None:
    def given(chain: str, **more: object) -> dict[str, object]:
        return {**GIVEN, "cert_chain": chain, **more}

    def kinds(*contexts: dict[str, object]) -> list[int]:
        return [len(c.certificates) for c in server(*contexts, certificates=inline()).contexts]

    assert kinds(given("RSA a,b"), given("ECDSA b,a")) == [2]
    assert kinds(given("RSA a"), given("ECDSA b")) == [1, 1]
    assert kinds(given("RSA a"), given("RSA a")) == [1, 1]
    assert kinds(given("RSA a"), given("ECDSA a", alpn="http/1.1")) == [1, 1]
    assert kinds(given("RSA a"), given("RSA b"), given("ECDSA a")) == [2, 1]


def test_contexts_that_are_off() -> None:
    assert compiled({**GIVEN, "status": False}).listeners[0].tls is None
    assert compiled({"status": True, "fall_back": True}).listeners[0].tls is None


def test_towards_upstreams() -> None:
    def client(**given: object) -> Any:
        found = compiled(cluster={"status": True, **given}).clusters["origin"].tls
        assert found is not None
        return found

    assert client().context.verify == "full"
    assert client(insecure_skip=True).context.verify == "none"
    names = {"match_subject_alt_names": ["spiffe://a"]}
    by_name = client(type="sni_verify", extend_verify=names)
    assert (by_name.context.verify, by_name.context.peer_names) == ("chain", ["spiffe://a"])
    assert client(server_name="a.test", fall_back=True).server_name == "a.test"
    assert client(fall_back=True).fall_back
    assert client(cert_chain="c", private_key="k").context.certificates[0].chain == "c"
    assert compiled(cluster={"status": False}).clusters["origin"].tls is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"private_key": "wrong"}, "cert_chain: does not belong"),
        ({"verify_client": True, "ca_cert": "wrong"}, "ca_cert: is no CA"),
        ({"cipher_suites": "RSA-3DES-EDE-CBC-SHA"}, "no cipher match"),
    ],
)
def test_what_openssl_refuses_has_its_path(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        server({**GIVEN, "cert_chain": "RSA a", **change}, certificates=inline())
    assert "filter_chains[0].tls_context_set[0]" in str(caught.value)


def test_the_header_of_clients_behind_tls_is_removed_by_default() -> None:
    def how(*contexts: dict[str, Any]) -> str:
        http = compiled(*contexts).listeners[0].filters[0]
        return str(http.http1.forward_client_cert)  # type: ignore[union-attr]

    assert how(GIVEN) == "sanitize"
    assert how() == ""
