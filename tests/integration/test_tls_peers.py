"""TLS of a real pymosn with programs that nobody here wrote: curl, openssl, nginx, HAProxy."""

import datetime
import json
import os
import re
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pymosn.lifecycle.secrets import KEPT_KEYS
from pymosn.snapshot import Certificate
from tests.conftest import free_port
from tests.support.clients import connect, get
from tests.support.configs import cluster, http_config, http_listener, router, tcp_listener
from tests.support.process import run, wait_until
from tests.support.secured import (
    NAME,
    answers,
    context,
    curl,
    openssl,
    program,
    secured,
)

GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def test_curl(pymosn, origin, files) -> None:
    proxy = pymosn(secured(origin.address, context(files)))
    for version in ("--tlsv1.2 --tls-max 1.2", "--tlsv1.3"):
        status, _, body, error = curl(files, proxy.address, *version.split())
        assert (status, body) == (200, "origin"), error
    assert curl(files, proxy.address, "--tls-max", "1.1")[0] == 0


def test_the_name_chooses_the_certificate(pymosn, origin, authority, files) -> None:
    for name, names in (("one", ["one.test"]), ("wild", ["*.wild.test"])):
        authority.write(files, name, authority.issue(*names))
    proxy = pymosn(
        secured(origin.address, context(files, "one"), context(files, "wild"), context(files))
    )
    for name in ("one.test", "www.wild.test", NAME):
        assert curl(files, proxy.address, name=name)[0] == 200, name
    assert curl(files, proxy.address, name="nobody.test")[0] == 0


def test_rsa_and_ecdsa(pymosn, origin, files) -> None:
    """Two contexts that differ in the key only are one with both certificates."""
    proxy = pymosn(secured(origin.address, context(files, "rsa"), context(files, "ecdsa")))
    for kind, algorithm in (("rsa-pss", "RSA-PSS+SHA256"), ("ecdsa", "ECDSA+SHA256")):
        said = openssl(proxy.address, "-sigalgs", algorithm)
        # OpenSSL 3.6 says rsa_pss_rsae_sha256 where others say RSA-PSS.
        assert f"peer signature type: {kind}" in said.lower().replace("_", "-")


def test_tickets_are_good_at_every_worker(pymosn, origin, files) -> None:
    proxy = pymosn(secured(origin.address, context(files), workers=2))
    for version in ("-tls1_2", "-tls1_3"):
        session = str(files / "session")
        openssl(proxy.address, version, "-sess_out", session, send=GET)
        for _ in range(6):
            assert "\nReused, " in openssl(proxy.address, version, "-sess_in", session, wait=0.1)
    os.kill(proxy.workers[0], 9)
    wait_until(lambda: len(proxy.workers) == 2)
    for _ in range(4):
        assert "\nReused, " in openssl(proxy.address, "-sess_in", session, wait=0.1)


class Resuming:
    """A client that offers its session."""

    def __init__(self, files: Path, address: str, version: ssl.TLSVersion) -> None:
        self.address = address
        self.context = ssl.create_default_context(cafile=str(files / "ca.pem"))
        self.context.minimum_version = self.context.maximum_version = version
        self.session: ssl.SSLSession | None = None

    def ask(self, *, keep: bool) -> bool:
        """Get an answer on a new connection; says whether the session was resumed.

        ``keep``: take the session of this connection for the next ones.
        """
        with (
            connect(self.address) as plain,
            self.context.wrap_socket(plain, server_hostname=NAME, session=self.session) as secure,
        ):
            secure.sendall(get("/", b"Connection: close\r\n"))
            assert b"200 OK" in secure.recv(4096)
            if keep:
                self.session = secure.session
            return bool(secure.session_reused)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_ticket_keys_are_rotated(pymosn, origin, files, version) -> None:
    """A ticket is good at every worker for as long as its key is kept; then there is a full
    handshake, and nothing else."""
    asked = files / "rotate"
    proxy = pymosn(
        secured(origin.address, context(files), workers=2),
        module="tests.support.rotating", variables={"ROTATE": str(asked)},
    )  # fmt: skip
    client = Resuming(files, proxy.address, ssl.TLSVersion[version])

    def rotate() -> None:
        asked.touch()
        wait_until(lambda: not asked.exists())
        time.sleep(0.3)  # until the workers have it

    assert not client.ask(keep=True)
    for rotations in range(KEPT_KEYS):
        # So many that in all likelihood both workers have some.
        assert [client.ask(keep=False) for _ in range(8)] == [True] * 8, rotations
        rotate()
    assert [client.ask(keep=False) for _ in range(8)] == [False] * 8
    # A fresh one replaces it.
    client.ask(keep=True)
    assert [client.ask(keep=True) for _ in range(8)] == [True] * 8


def test_renegotiation_is_refused(pymosn, origin, files) -> None:
    proxy = pymosn(secured(origin.address, context(files)))
    said = openssl(proxy.address, "-tls1_2", "-no_ign_eof", send="R\n")
    assert "no renegotiation" in said
    assert curl(files, proxy.address)[0] == 200


def test_a_response_is_stapled(pymosn, origin, authority, files) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509 import ocsp

    issuer = x509.load_pem_x509_certificate(authority.ca.cert_pem.bytes())
    leaf = x509.load_pem_x509_certificate((files / "ecdsa.crt").read_bytes())
    key = serialization.load_pem_private_key(authority.ca.private_key_pem.bytes(), password=None)
    now = datetime.datetime.now(datetime.UTC)
    response = (
        ocsp.OCSPResponseBuilder()
        .add_response(leaf, issuer, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,
                      now, now + datetime.timedelta(hours=1), None, None)
        .responder_id(ocsp.OCSPResponderEncoding.NAME, issuer)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (files / "staple.der").write_bytes(response.public_bytes(serialization.Encoding.DER))
    proxy = pymosn(
        secured(
            origin.address,
            context(files, "rsa"),
            context(files, "ecdsa", ocsp_staple=str(files / "staple.der")),
        )
    )
    ca = str(files / "ca.pem")
    said = openssl(proxy.address, "-status", "-sigalgs", "ECDSA+SHA256", "-CAfile", ca)
    assert "OCSP Response Status: successful" in said
    assert "Cert Status: good" in said
    said = openssl(proxy.address, "-status", "-sigalgs", "RSA-PSS+SHA256", "-CAfile", ca)
    assert re.search("OCSP responses?: no responses? sent", said)


@pytest.mark.parametrize("how", ["", "forward", "append", "set"])
def test_the_client_certificate_in_a_header(pymosn, origin, authority, files, how) -> None:
    client = authority.ca.issue_cert("client.test", common_name='a "client"')
    client.private_key_and_cert_chain_pem.write_to_path(str(files / "client.pem"))
    config = secured(
        origin.address,
        context(files, verify_client=True, ca_cert=str(files / "ca.pem")),
    )
    web = config["servers"][0]["listeners"][0]
    http1 = {"forward_client_cert": how} if how else {}
    web["filter_chains"][0]["filters"][0]["config"]["extend_config"] = {"Http1": http1}
    proxy = pymosn(config)
    forged = ("-H", "X-Forwarded-Client-Cert: Hash=forged")
    for certificate in ((), ("--cert", str(files / "client.pem"))):
        assert curl(files, proxy.address, *forged, *certificate)[0] == 200
    header = re.compile(rb"(?i)^x-forwarded-client-cert: (.*)\r$", re.MULTILINE)
    without, with_one = (header.findall(head) for head in origin.requests)
    mine = rb'Hash=[0-9a-f]{64};Subject=".*CN=a \\+"client\\+".*";DNS=client\.test'
    if how == "forward":
        assert without == with_one == [b"Hash=forged"]
    elif how == "append":
        assert without == [b"Hash=forged"]
        assert re.fullmatch(b"Hash=forged," + mine, with_one[0])
    else:
        assert without == []
        assert [bool(re.fullmatch(mine, value)) for value in with_one] == [True] * (how == "set")


def test_facts_in_the_access_log(pymosn, origin, files) -> None:
    names = ["tls_version", "tls_cipher", "tls_server_name", "requested_server_name", "tls_resumed",
             "request_scheme", "tls_peer_subject"]  # fmt: skip
    log = files / "access.log"
    config = secured(origin.address, context(files), inspector=True)
    config["servers"][0]["listeners"][0]["access_logs"] = [
        {"log_path": str(log), "log_format": " ".join(f"%{name}%" for name in names)}
    ]
    proxy = pymosn(config)
    curl(files, proxy.address)
    proxy.get("/")
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
    secure, plain = log.read_text().splitlines()
    assert secure == f"TLSv1.3 TLS_AES_128_GCM_SHA256 {NAME} {NAME} false https -"
    assert plain == "- - - - - http -"


def test_wrong_protocols_are_told(pymosn, origin, files) -> None:
    config = secured(origin.address, context(files))
    config["servers"][0]["listeners"].append(http_listener("plain"))
    proxy = pymosn(config)
    with pytest.raises((ConnectionError, OSError)):
        proxy.get("/", listener="web")
    assert curl(files, proxy.addresses["plain"])[0] == 0
    wait_until(lambda: "plain HTTP on a TLS port" in proxy.logs())
    wait_until(lambda: "a TLS handshake arrived on a port for plain text" in proxy.logs())


# -- certificates change ---------------------------------------------------------------------------


class Kept:
    """A connection that stays open."""

    def __init__(self, files: Path, address: str) -> None:
        context = ssl.create_default_context(cafile=str(files / "ca.pem"))
        self.socket = context.wrap_socket(connect(address), server_hostname=NAME)

    def get(self) -> bytes:
        self.socket.sendall(get())
        return self.socket.recv(4096)

    def serial(self) -> str:
        certificate = self.socket.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def replace(files: Path, name: str, certificate: Certificate) -> None:
    """Replace a certificate's files, each at once."""
    for suffix, text in ((".crt", certificate.chain), (".key", certificate.key)):
        fresh = files / f"{name}{suffix}.new"
        fresh.write_text(text)
        fresh.replace(files / f"{name}{suffix}")


@pytest.mark.parametrize("how", ["watch", "reload", "admin"])
def test_certificates_are_replaced(pymosn, origin, authority, files, how) -> None:
    proxy = pymosn(secured(origin.address, context(files), workers=2))
    kept = Kept(files, proxy.address)
    assert b"200 OK" in kept.get()
    before = kept.serial()
    replace(files, "ecdsa", authority.issue(NAME))
    if how == "reload":
        assert proxy.reload().returncode == 0
    elif how == "admin":
        assert proxy.ask_admin("/api/v1/reload", "POST").status == 200
    wait_until(lambda: Kept(files, proxy.address).serial() != before)
    assert b"200 OK" in kept.get()
    assert kept.serial() == before


def test_no_request_fails_while_certificates_change(pymosn, origin, authority, files) -> None:
    """Neither by the watch nor by a reload, on new connections and on kept ones."""
    config = secured(origin.address, context(files), workers=2)
    proxy = pymosn(config)
    stop = threading.Event()
    serials: set[str] = set()
    counts = [0, 0, 0, 0]
    failures: list[Exception] = []

    def ask(number: int, once: bool) -> None:
        try:
            kept = Kept(files, proxy.address)
            while not stop.is_set():
                assert b"200 OK" in kept.get()
                counts[number] += 1
                if once:
                    serials.add(kept.serial())
                    kept.socket.close()
                    kept = Kept(files, proxy.address)
            kept.socket.close()
        except Exception as error:
            failures.append(error)

    clients = [threading.Thread(target=ask, args=(n, n % 2 == 0)) for n in range(4)]
    for client in clients:
        client.start()
    try:
        for turn in range(3):
            replace(files, "ecdsa", authority.issue(NAME))
            # The configuration changes as well, so that the reload has something to do.
            config["servers"][0]["listeners"][0]["access_logs"] = [
                {"log_path": str(files / f"{turn}.log")}
            ]
            proxy.write(config)
            assert proxy.reload().returncode == 0
            time.sleep(0.2)
        replace(files, "ecdsa", authority.issue(NAME))
        known = len(serials)
        wait_until(lambda: len(serials) > known or failures)
    finally:
        stop.set()
        for client in clients:
            client.join(15)
    assert failures == []
    assert len(serials) >= 4
    assert min(counts) > 10


def test_broken_files_change_nothing(pymosn, origin, authority, files) -> None:
    proxy = pymosn(secured(origin.address, context(files)))
    before = Kept(files, proxy.address).serial()
    (files / "ecdsa.crt").write_text(authority.issue(NAME).chain)  # the key is still the old one
    wait_until(lambda: "certificates stay as they were" in proxy.logs())
    assert "does not belong to the certificate" in proxy.logs()
    assert "filter_chains[0].tls_context_set[0].cert_chain" in proxy.logs()
    assert Kept(files, proxy.address).serial() == before
    time.sleep(4.5)
    assert proxy.logs().count("certificates stay as they were") == 1
    refused = proxy.reload()
    assert refused.returncode != 0
    assert "does not belong" in refused.stdout + refused.stderr
    replace(files, "ecdsa", authority.issue(NAME))
    wait_until(lambda: Kept(files, proxy.address).serial() != before)
    assert "certificates were read anew" in proxy.logs()


def test_metrics_and_secrets(pymosn, origin, authority, files) -> None:
    inline = authority.issue(NAME, key_type="RSA")
    config = secured(
        origin.address,
        context(files),
        {"status": True, "cert_chain": inline.chain, "private_key": inline.key},
    )
    proxy = pymosn(config)
    curl(files, proxy.address)
    text = proxy.ask_admin("/metrics").text
    assert 'tls_handshake_total{listener="web"} 1.0' in text
    expiry = re.findall(r"tls_certificate_not_after_seconds\{(.*)\} ([0-9.]+)", text)
    assert {re.search(r'key="(\w+)"', labels).group(1) for labels, _ in expiry} == {"RSA", "ECDSA"}
    assert all(float(moment) > time.time() for _, moment in expiry)
    dumped = proxy.ask_admin("/api/v1/config_dump").text
    assert "PRIVATE KEY" not in dumped
    assert inline.key.split("\n")[1] not in dumped + proxy.logs()


def test_an_expired_certificate_is_told(pymosn, origin, authority, files) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = authority.ca.issue_cert("old.test", not_after=past)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems).decode()
    key = made.private_key_pem.bytes().decode()
    authority.write(files, "old", Certificate(chain, key))
    proxy = pymosn(secured(origin.address, context(files), context(files, "old")))
    wait_until(lambda: "the certificate for old.test has expired" in proxy.logs())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cert_chain": "/nonexistent.crt"}, "cert_chain: /nonexistent.crt cannot be read"),
        ({"private_key": "rsa.key"}, "the private key does not belong to the certificate"),
        ({"ca_cert": "rsa.key", "verify_client": True}, "ca_cert: the CA certificate is not PEM"),
        ({"cipher_suites": "ECDHE-RSA-3DES-EDE-CBC-SHA"}, "tls_context_set[0]: no cipher match"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(files, change, reason, origin) -> None:
    changed = {key: str(files / v) if str(v).endswith(".key") else v for key, v in change.items()}
    config = secured(origin.address, {**context(files), **changed})
    path = files / "mosn.json"
    path.write_text(json.dumps(config))
    done = run("validate", "-c", str(path))
    assert done.returncode == 1
    assert reason in done.stderr


# -- upstreams -------------------------------------------------------------------------------------

_NGINX = """
daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  ssl_certificate {directory}/rsa.crt; ssl_certificate_key {directory}/rsa.key;
  server {{
    listen 127.0.0.1:{port} ssl; root {directory};
    location = / {{ return 200 "$ssl_server_name $ssl_session_reused $ssl_protocol"; }}
  }}
  server {{
    listen 127.0.0.1:{mutual} ssl; ssl_client_certificate {directory}/ca.pem; ssl_verify_client on;
    location = / {{ return 200 "$ssl_client_s_dn"; }}
  }}
  server {{
    listen 127.0.0.1:{client};
    location / {{
      proxy_pass https://127.0.0.1:{proxied}; proxy_ssl_verify on; proxy_ssl_name localhost;
      proxy_ssl_trusted_certificate {directory}/ca.pem; proxy_ssl_server_name on;
    }}
  }}
}}
"""


class Nginx:
    """An nginx that serves over TLS, and asks for ``proxied`` over TLS."""

    def __init__(self, files: Path, proxied: str = "1") -> None:
        self.port, self.mutual, self.client = free_port(), free_port(), free_port()
        config = files / "nginx.conf"
        text = _NGINX.format(
            directory=files, port=self.port, mutual=self.mutual, client=self.client, proxied=proxied
        )
        config.write_text(text, encoding="ascii")
        self.process = subprocess.Popen(
            [program("nginx"), "-c", str(config)], stderr=subprocess.DEVNULL
        )
        wait_until(lambda: answers(self.client))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def nginx_tls(files):
    """Return what starts the nginx: ``nginx_tls(proxied port) -> Nginx``."""
    started = []

    def start(proxied: str = "1") -> Nginx:
        started.append(Nginx(files, proxied))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def upstream(address: str, **tls: object):
    """Return a configuration with a plain listener in front of a TLS upstream."""
    config = http_config(address)
    config["cluster_manager"]["clusters"][0]["tls_context"] = {"status": True, **tls}
    return config


def test_nginx_as_the_upstream(pymosn, files, nginx_tls) -> None:
    server = nginx_tls()
    address = f"127.0.0.1:{server.port}"
    ca = str(files / "ca.pem")
    proxy = pymosn(upstream(address, ca_cert=ca, server_name=NAME))
    assert proxy.get("/").text.split()[0] == NAME
    proxy.write(upstream(address, ca_cert=ca, server_name="other.test"))
    assert proxy.reload().returncode == 0
    assert proxy.get("/").status == 502
    assert "hostname mismatch" in proxy.logs()
    # By the address alone, which the certificate names too.
    proxy.write(upstream(address, ca_cert=ca))
    assert proxy.reload().returncode == 0
    assert proxy.get("/").status == 200
    proxy.write(upstream(address))
    assert proxy.reload().returncode == 0
    assert proxy.get("/").status == 502
    proxy.write(upstream(address, insecure_skip=True))
    assert proxy.reload().returncode == 0
    assert proxy.get("/").status == 200


def test_negotiation_with_nginx(pymosn, files, nginx_tls) -> None:
    """It knows HTTP/1.1 only; that is what is spoken."""
    server = nginx_tls()
    ca = str(files / "ca.pem")
    settings = {"ca_cert": ca, "server_name": NAME, "alpn": "h2,http/1.1"}
    config = upstream(f"127.0.0.1:{server.port}", **settings)
    web = config["servers"][0]["listeners"][0]
    web["filter_chains"][0]["filters"][0]["config"]["upstream_protocol"] = "Auto"
    proxy = pymosn(config)
    assert proxy.get("/").status == 200


def test_our_client_certificate(pymosn, files, nginx_tls) -> None:
    server = nginx_tls()
    ca = str(files / "ca.pem")
    address = f"127.0.0.1:{server.mutual}"
    proxy = pymosn(upstream(address, ca_cert=ca))
    assert proxy.get("/").status == 400  # nginx lets the handshake pass
    proxy.write(upstream(address, ca_cert=ca, **{
        key: value for key, value in context(files).items() if key != "status"
    }))  # fmt: skip
    assert proxy.reload().returncode == 0
    assert "O=trustme" in proxy.get("/").text


def test_a_host_without_tls(pymosn, files, nginx_tls, origin) -> None:
    server = nginx_tls()
    config = upstream(f"127.0.0.1:{server.port}", ca_cert=str(files / "ca.pem"))
    hosts = config["cluster_manager"]["clusters"][0]["hosts"]
    hosts.append({"address": origin.address, "tls_disable": True})
    proxy = pymosn(config)
    assert len({proxy.get("/").text for _ in range(4)}) >= 2


def test_nginx_as_the_client(pymosn, files, nginx_tls, origin) -> None:
    proxy = pymosn(secured(origin.address, context(files)))
    server = nginx_tls(proxy.address.rpartition(":")[2])
    done = subprocess.run(
        [program("curl"), "-s", f"http://127.0.0.1:{server.client}/"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "origin"


_HAPROXY = """
global
  ssl-server-verify required
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend tls
  bind 127.0.0.1:{port} ssl crt {directory}/both.pem alpn h2,http/1.1
  http-request return status 200 content-type text/plain lf-string "%[ssl_fc_sni] %[ssl_fc_alpn]"
frontend plain
  bind 127.0.0.1:{client}
  default_backend proxied
backend proxied
  default-server ssl ca-file {directory}/ca.pem sni str(localhost) verifyhost localhost
  server s 127.0.0.1:{proxied}
"""


def test_haproxy_on_both_sides(pymosn, files, origin) -> None:
    haproxy = program("haproxy")
    port, client = free_port(), free_port()
    both = (files / "ecdsa.crt").read_text() + (files / "ecdsa.key").read_text()
    (files / "both.pem").write_text(both)
    settings = {"ca_cert": str(files / "ca.pem"), "server_name": NAME, "alpn": "h2,http/1.1"}
    config = secured(origin.address, context(files))
    out = http_listener("out", router="out")
    out["filter_chains"][0]["filters"][0]["config"]["upstream_protocol"] = "Auto"
    config["servers"][0]["listeners"].append(out)
    config["servers"][0]["routers"].append(router("haproxy", "out"))
    other = {**cluster(f"127.0.0.1:{port}", name="haproxy")}
    other["tls_context"] = {"status": True, **settings}
    config["cluster_manager"]["clusters"].append(other)
    proxy = pymosn(config)
    path = files / "haproxy.cfg"
    proxied = proxy.addresses["web"].rpartition(":")[2]
    path.write_text(_HAPROXY.format(directory=files, port=port, client=client, proxied=proxied))
    process = subprocess.Popen(
        [haproxy, "-db", "-f", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers(client))
        assert proxy.get("/", listener="out").text == f"{NAME} h2"
        done = subprocess.run(
            [program("curl"), "-s", f"http://127.0.0.1:{client}/"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "origin"
    finally:
        process.kill()
        process.wait()


def test_tcp_behind_tls(pymosn, files, origin) -> None:
    config = http_config(origin.address)
    listener = tcp_listener("origin")
    listener["filter_chains"][0]["tls_context"] = context(files)
    config["servers"][0]["listeners"] = [listener]
    proxy = pymosn(config)
    assert curl(files, proxy.address)[2] == "origin"
