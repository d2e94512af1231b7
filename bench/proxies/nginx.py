"""nginx: as a peer, with the pieces that the origin shares."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

from bench.credentials import Credentials
from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of, which
from bench.scenarios import Scenario, route_prefix

# nginx counts requests and time of a keep-alive connection; nobody else does.
UNLIMITED = "keepalive_requests 1000000000; keepalive_time 24h;"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx(Proxy):
    name = "nginx"
    install = "Debian: apt-get install nginx libnginx-mod-stream"
    settings = (
        "worker_processes 1; keepalive 128 to the origin over HTTP/1.1; default buffers, "
        "proxy_max_temp_file_size 0; routes are 200 prefix locations with proxy_next_upstream; "
        "TLS with its defaults, so tickets and no session cache"
    )

    def find(self) -> Path | None:
        return which("nginx")

    def version(self, program: Path) -> str:
        return output_of(program, "-v").strip().rpartition("/")[2].split()[0]

    def refusal(self, scenario: Scenario) -> str | None:
        program = self.find()
        if scenario.layer4 and program and stream_module(program) is None:
            return "built without the stream module (Debian: apt-get install libnginx-mod-stream)"
        if scenario.http2_origin:
            return "speaks no HTTP/2 to origins"
        return None

    def prepare(self, program: Path, plan: Plan) -> Command:
        body = _stream(plan) if plan.scenario.layer4 else _http(plan)
        modules = ""
        if plan.scenario.layer4:
            modules = stream_module(program) or ""
        return nginx_command(program, plan.directory, modules, body)


def nginx_command(program: Path, directory: Path, modules: str, body: str) -> Command:
    """Write nginx.conf around `body`; the command that keeps nginx in the foreground."""
    user = ""
    if os.geteuid() == 0:
        # A worker that gives root up could not enter the run directory of a root user.
        user = f"user {pwd.getpwuid(0).pw_name} root;\n"
    config = directory / "nginx.conf"
    config.write_text(
        f"{modules}{user}daemon off;\nworker_processes 1;\n"
        f"pid {directory}/nginx.pid;\nerror_log {directory}/error.log warn;\n"
        "worker_rlimit_nofile 20000;\n"
        "events { worker_connections 16000; }\n"
        f"{body}"
    )
    (directory / "error.log").touch()
    return Command((str(program), "-p", str(directory), "-c", str(config), "-e", "stderr"))


def http_block(directory: Path, content: str) -> str:
    """An http block without access log whose temporary files stay in `directory`."""
    temporary = "".join(f"  {n}_temp_path {directory}/{n}_temp;\n" for n in _TEMPORARY)
    return (
        "http {\n  access_log off;\n  default_type text/plain;\n  keepalive_timeout 600s;\n"
        f"  {UNLIMITED}\n{temporary}{content}}}\n"
    )


def tls_settings(credentials: Credentials) -> str:
    """The directives of a server that has a listener with TLS."""
    return (
        f"    ssl_certificate {credentials.certificate};\n"
        f"    ssl_certificate_key {credentials.key};\n    ssl_protocols TLSv1.3;\n"
    )


def stream_module(program: Path) -> str | None:
    """The directive that loads the stream module: empty if built in, None if there is none."""
    built = output_of(program, "-V")
    if re.search(r"--with-stream(\s|$)", built):
        return ""
    modules = re.search(r"--modules-path=(\S+)", built)
    if modules and (module := Path(modules[1]) / "ngx_stream_module.so").exists():
        return f"load_module {module};\n"
    return None


def _http(plan: Plan) -> str:
    upstream = (
        f"  upstream origin {{ server 127.0.0.1:{plan.origin}; keepalive 128; {UNLIMITED}"
        " keepalive_timeout 600s; }\n"
    )
    if plan.scenario.routes:
        locations = "".join(_route(i) for i in range(plan.scenario.routes))
        locations += "    location / { return 404; }\n"
    else:
        locations = "    location / { proxy_pass http://origin; }\n"
    kind = " http2" if plan.scenario.http2 else ""
    tls = ""
    if plan.credentials is not None:
        kind += " ssl"
        tls = tls_settings(plan.credentials)
    server = (
        f"  server {{\n    listen 127.0.0.1:{plan.port}{kind} backlog=4096;\n{tls}"
        '    proxy_http_version 1.1; proxy_set_header Connection "";\n'
        f"    proxy_max_temp_file_size 0;\n{locations}  }}\n"
    )
    return http_block(plan.directory, upstream + server)


def _route(index: int) -> str:
    return (
        f"    location {route_prefix(index)} {{ proxy_pass http://origin;"
        " proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 2;"
        " proxy_connect_timeout 3s; proxy_read_timeout 15s; proxy_send_timeout 15s; }\n"
    )


def _stream(plan: Plan) -> str:
    return (
        f"stream {{\n  upstream origin {{ server 127.0.0.1:{plan.origin}; }}\n"
        f"  server {{ listen 127.0.0.1:{plan.port} backlog=4096; proxy_pass origin; }}\n}}\n"
    )
