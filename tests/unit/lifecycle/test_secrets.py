"""Ticket keys that rotate, and the watch over certificates' files."""

import asyncio
from pathlib import Path

from pymosn.config.certificates import Certificates, UsedCertificate, expiry_warnings
from pymosn.lifecycle.secrets import KEPT_KEYS, ROTATION_SECONDS, CertificateWatch, TicketKeyRing
from pymosn.observe.log import ErrorLog

DAY = 86400


class Facts:
    def __init__(self, not_before: int, not_after: int) -> None:
        self.names = ["a.test"]
        self.key_type = "RSA"
        self.not_before = not_before
        self.not_after = not_after


def test_keys_rotate_and_the_old_ones_stay_for_a_while() -> None:
    now = [0.0]
    ring = TicketKeyRing(lambda: now[0])
    first = ring.keys[0]
    assert not ring.rotate_if_due()
    seen = [first]
    for _ in range(5):
        now[0] += ROTATION_SECONDS
        assert ring.rotate_if_due()
        assert not ring.rotate_if_due()
        seen.insert(0, ring.keys[0])
        assert ring.keys == seen[:KEPT_KEYS]
    assert len(set(seen)) == 6


class Watched:
    def __init__(self, directory: Path) -> None:
        self.file = directory / "cert.pem"
        self.file.write_text("one")
        self.now = 1000.0
        self.refuse = False
        self.renewed = 0
        self.log_file = directory / "log"
        self.read()
        self.watch = CertificateWatch(
            ErrorLog(str(self.log_file)), lambda: self.certificates, self.renew, lambda: self.now
        )

    def read(self) -> None:
        self.certificates = Certificates()
        self.certificates.text(str(self.file))

    async def renew(self) -> None:
        self.renewed += 1
        if self.refuse:
            raise ValueError("it is broken")
        self.read()

    def check(self) -> None:
        asyncio.run(self.watch.check())

    def logged(self) -> str:
        return self.log_file.read_text()


def test_a_change_is_noticed_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.check()
    assert watched.renewed == 0
    watched.file.write_text("two!")
    watched.check()
    watched.check()
    assert watched.renewed == 1
    assert watched.certificates.text(str(watched.file)) == "two!"
    assert "read anew" in watched.logged()


def test_broken_files_are_told_once_and_looked_at_again_when_they_change(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.refuse = True
    watched.file.write_text("broken")
    for _ in range(3):
        watched.check()
    assert watched.renewed == 1
    assert watched.logged().count("it is broken") == 1
    watched.file.write_text("still broken")
    watched.check()
    assert watched.renewed == 2
    watched.refuse = False
    watched.file.write_text("good")
    watched.check()
    watched.check()
    assert watched.renewed == 3


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.file.unlink()
    watched.check()
    assert watched.renewed == 0


def test_expiry_is_told_in_time_and_not_all_the_time(tmp_path: Path) -> None:
    used = [
        UsedCertificate("listener", "old", Facts(0, 999)),
        UsedCertificate("listener", "soon", Facts(0, 1000 + 3 * DAY)),
        UsedCertificate("cluster", "young", Facts(2000, 1000 + 300 * DAY)),
        UsedCertificate("listener", "good", Facts(0, 1000 + 300 * DAY)),
    ]
    assert expiry_warnings(used, 1000) == [
        "listener old: the certificate for a.test has expired",
        "listener soon: the certificate for a.test expires in 3 days",
        "cluster young: the certificate for a.test is not valid yet",
    ]
    watched = Watched(tmp_path)
    watched.certificates.used.extend(used[:1])
    for _ in range(3):
        watched.check()
    assert watched.logged().count("has expired") == 1
    watched.now += 25 * 3600
    watched.check()
    assert watched.logged().count("has expired") == 2
