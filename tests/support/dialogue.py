"""Programs that answer questions: a line for each line of their input.

The peers of other languages are such programs.  Lines which begin with ``= `` are theirs, what
their libraries write beside is not looked at; the first one is ``= ready``.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Dialogue:
    """A running program, in a directory of its own; ends with the block."""

    def __init__(self, command: Sequence[str]) -> None:
        self._home = tempfile.TemporaryDirectory()
        command = [part.replace("{home}", self._home.name) for part in command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=self._home.name, encoding="utf-8",
        )  # fmt: skip

    def __enter__(self) -> Self:
        assert self._answer() == "ready"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._home.cleanup()

    def ask(self, *words: object) -> str:
        """Return what the program answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("= "):
                return line[2:].rstrip("\n")
        raise AssertionError("the program has ended")
