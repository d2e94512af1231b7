"""HAProxy as a peer."""

from __future__ import annotations

from pathlib import Path

from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of, which
from bench.scenarios import route_prefix

_GLOBAL = """\
global
  nbthread 1
  maxconn 12000
  # 12000 connections and as many to servers are more than common descriptor limits; only a few
  # to the servers are ever open.
  no strict-limits
defaults
  timeout connect 3s
  timeout client 600s
  timeout server 600s
"""


class HAProxy(Proxy):
    name = "haproxy"
    install = "Debian: apt-get install haproxy"
    settings = (
        "nbthread 1; http-reuse always; no log; default buffers, no splicing; "
        "routes are a map_beg of 200 prefixes, retries 1 with retry-on"
    )

    def find(self) -> Path | None:
        return which("haproxy")

    def version(self, program: Path) -> str:
        return output_of(program, "-v").split()[2]

    def prepare(self, program: Path, plan: Plan) -> Command:
        config = plan.directory / "haproxy.cfg"
        if plan.scenario.layer4:
            config.write_text(_GLOBAL + "  mode tcp\n" + _proxy(plan, "default_backend origin", ""))
        else:
            config.write_text(_GLOBAL + "  mode http\n" + _http(plan))
        return Command((str(program), "-db", "-f", str(config)))


def _http(plan: Plan) -> str:
    if not plan.scenario.routes:
        return _proxy(plan, "default_backend origin", "  http-reuse always\n")
    table = plan.directory / "routes.map"
    table.write_text("".join(f"{route_prefix(i)} origin\n" for i in range(plan.scenario.routes)))
    retries = "  retries 1\n  retry-on conn-failure empty-response 503\n  timeout server 15s\n"
    use = f"use_backend %[path,map_beg({table})]"
    return _proxy(plan, use, "  http-reuse always\n" + retries)


def _proxy(plan: Plan, use: str, options: str) -> str:
    kind = " proto h2" if plan.scenario.http2 else ""
    if plan.credentials is not None:
        kind += f" ssl crt {plan.credentials.both} ssl-min-ver TLSv1.3"
    server = " proto h2" if plan.scenario.http2_origin else ""
    return (
        f"frontend bench\n  bind 127.0.0.1:{plan.port} backlog 4096{kind}\n  {use}\n"
        f"backend origin\n{options}  server origin 127.0.0.1:{plan.origin}{server}\n"
    )
