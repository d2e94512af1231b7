"""Rolls log files (spec §1.3): renames, numbers, compresses and deletes them.

The supervisor alone rolls.  After ``roll`` has renamed files everybody who writes them must reopen
them; ``finish`` then compresses and deletes, which may take long and may run in a thread.

By time ``app.log`` becomes ``app.log.2026-01-31`` (daily) or ``app.log.2026-01-31_14``; by size
``app-2026-01-31T14-00-00.000.log``.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

_BY_TIME: Final = r"\.\d{4}-\d\d-\d\d(_\d\d)?(\.\d+)?(\.gz)?"
_BY_SIZE: Final = r"-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}"


class Rules(Protocol):
    """When files are rolled; ``pymosn.config.settings.Roller`` is one."""

    @property
    def hours(self) -> int: ...
    @property
    def megabytes(self) -> int: ...
    @property
    def days(self) -> int: ...
    @property
    def keep(self) -> int: ...
    @property
    def compress(self) -> bool: ...


class LogRoller:
    """Rolls a set of files by the same rules."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self._clock = clock
        self._periods: dict[str, str] = {}

    def roll(self, paths: Iterable[str]) -> list[str]:
        """Rename the files whose time has come; returns their paths.

        A file that was last written in an earlier period is rolled at first sight.
        """
        return [path for path in dict.fromkeys(paths) if self._roll_one(path)]

    def finish(self, path: str) -> None:
        """Compress and delete old files of ``path``, which everybody has reopened."""
        with suppress(OSError):
            if self.rules.compress:
                for old in self._old_files(path):
                    if not old.name.endswith(".gz"):
                        _compress(old)
            for old in self._superfluous(path):
                old.unlink()

    def _roll_one(self, path: str) -> bool:
        try:
            facts = Path(path).stat()
        except OSError:
            return False
        if self.rules.megabytes:
            if facts.st_size < self.rules.megabytes << 20:
                return False
            return self._rename(path, self._size_name(path))
        now = self._period(self._clock())
        before = self._periods.setdefault(path, self._period(facts.st_mtime))
        self._periods[path] = now
        if before == now or not facts.st_size:
            return False
        return self._rename(path, self._time_name(path, before))

    def _period(self, moment: float) -> str:
        """Return the name of the period that ``moment`` is in."""
        local = time.localtime(moment)
        day = time.strftime("%Y-%m-%d", local)
        hours = self.rules.hours or 24
        return day if hours >= 24 else f"{day}_{local.tm_hour // hours * hours:02d}"

    def _time_name(self, path: str, period: str) -> str:
        name = f"{path}.{period}"
        generation = 0
        while Path(name).exists() or Path(f"{name}.gz").exists():
            generation += 1
            name = f"{path}.{period}.{generation}"
        return name

    def _size_name(self, path: str) -> str:
        now = self._clock()
        moment = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(now))
        stem, suffix = os.path.splitext(path)  # noqa: PTH122  names like ".log" keep their dot
        return f"{stem}-{moment}.{int(now * 1000) % 1000:03d}{suffix}"

    def _rename(self, path: str, target: str) -> bool:
        try:
            Path(path).rename(target)
        except OSError:
            return False
        return True

    def _old_files(self, path: str) -> list[Path]:
        """Return the rolled files of ``path``, newest first."""
        name = re.escape(Path(path).name)
        stem, suffix = (re.escape(part) for part in os.path.splitext(Path(path).name))  # noqa: PTH122  the same
        pattern = re.compile(f"{name}{_BY_TIME}|{stem}{_BY_SIZE}{suffix}(\\.gz)?")
        files = [file for file in Path(path).parent.iterdir() if pattern.fullmatch(file.name)]
        return sorted(files, key=lambda file: (file.stat().st_mtime, file.name), reverse=True)

    def _superfluous(self, path: str) -> list[Path]:
        files = self._old_files(path)
        extra = files[self.rules.keep :] if self.rules.keep else []
        if self.rules.days:
            oldest = self._clock() - self.rules.days * 86400
            extra += [file for file in files if file.stat().st_mtime < oldest]
        return list(dict.fromkeys(extra))


def _compress(file: Path) -> None:
    import gzip  # only where it is asked for
    import shutil

    target = file.with_name(f"{file.name}.gz")
    temporary = file.with_name(f"{file.name}.gz.part")
    with file.open("rb") as source, gzip.open(temporary, "wb") as compressed:
        shutil.copyfileobj(source, compressed)
    facts = file.stat()
    os.utime(temporary, (facts.st_atime, facts.st_mtime))
    temporary.replace(target)
    file.unlink()
