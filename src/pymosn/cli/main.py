"""The entry point: finds the command, parses its flags, imports what it needs and no more."""

import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

import pymosn
from pymosn.cli.flags import Command, explain, find, overview, parser

_HELP = ("-h", "--help", "help")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``pymosn``; exits with 0, 1 (it failed) or 2 (the command line is wrong)."""
    try:
        _main(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os._exit(1)


def _main(words: list[str]) -> None:
    if not words or words[0] in _HELP:
        command, _ = find(words[1:])
        print(explain(command) if command else overview(), end="")
        sys.exit(0)
    if words[0] in ("-v", "--version", "-version"):
        print(f"pymosn version {pymosn.__version__}")
        sys.exit(0)
    if words[0].startswith("-"):
        words.insert(0, "start")
    command, taken = find(words)
    if command is None:
        print(f"pymosn: {words[0]!r} is not a command; see pymosn --help", file=sys.stderr)
        sys.exit(2)
    _run(command, words[taken:])


def _run(command: Command, words: list[str]) -> None:
    if "-h" in words or "--help" in words:
        print(explain(command), end="")
        sys.exit(0)
    given = parser(command).parse_args(words)
    module, _, function = command.target.partition(":")
    target: Callable[[Command, Namespace], int] = getattr(
        importlib.import_module(f"pymosn.cli.{module}"), function
    )
    sys.exit(target(command, given))
