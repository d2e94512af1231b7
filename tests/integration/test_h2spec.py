"""h2spec's cases of RFC 9113 and RFC 7541 against the real proxy."""

import asyncio
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.support.golang import program
from tests.support.origin import Origin
from tests.support.wire import PATIENCE, running, snapshot

CASES = 146
"""With those of ``--strict``."""


async def respond(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer with a delay: a case that breaks a rule on an open stream must find it open."""
    await asyncio.sleep(0.05)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nanswer")
    writer.close()


def test_h2spec(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    settings = {"protocols": ["Http2"], "upstream_protocol": "Http1"}
    with (
        Origin("answer", respond) as origin,
        running(snapshot([origin.address], proxy=settings)) as proxy,
    ):
        done = subprocess.run(
            [program("h2spec"), "--strict", "--timeout", "5", "--host", "127.0.0.1",
             "--port", str(proxy.port), "--junit-report", str(report),
             "generic", "http2", "hpack"],
            capture_output=True, text=True, check=False, timeout=3 * PATIENCE,
        )  # fmt: skip
    counted = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert counted is not None, done.stdout
    failed = [
        (case.get("package"), case.get("classname"))
        for case in ElementTree.parse(report).iter("testcase")
        if len(case)
    ]
    assert not failed
    assert counted.groups() == (str(CASES), str(CASES), "0", "0")
