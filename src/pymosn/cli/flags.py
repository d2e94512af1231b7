"""Every command and flag of ``pymosn``, declared once; parsing and help are made from this.

Flags of MOSN that mean nothing here are accepted, so that its start scripts keep working, and
``start`` says so once.
"""

import argparse
import os
import textwrap
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, NoReturn

_WIDTH: Final = 78


class Flag(NamedTuple):
    """A flag or, without dashes, an argument."""

    names: tuple[str, ...]
    default: Any = None
    """The default, which also gives the type: text, a number, or False for a switch."""
    help: str = ""
    details: str = ""
    env: str = ""
    metavar: str = ""
    many: str = ""
    """``+`` or ``*``: takes several values."""
    ignored: bool = False
    """MOSN has it; here it has no effect."""

    @property
    def dest(self) -> str:
        return self.names[-1].lstrip("-").replace("-", "_")


class Command(NamedTuple):
    """A command."""

    name: str
    help: str
    details: str
    flags: tuple[Flag, ...]
    target: str
    """``module:function`` below ``pymosn.cli``."""


CONFIG: Final = Flag(
    ("-c", "--config"),
    "configs/mosn_config.json",
    "the configuration file",
    "MOSN's JSON or YAML (by the ending .yaml or .yml), or pymosn's short form.",
    env="MOSN_CONFIG",
    metavar="FILE",
)
PID_FILE: Final = Flag(
    ("--pid-file",),
    "",
    "the running server's pid file, if it is not where the configuration says",
    "Needed when the configuration has moved or cannot be read any more.",
    metavar="FILE",
)
LOG_LEVEL: Final = Flag(
    ("-l", "--log-level"),
    "",
    "the error log is at least so quiet",
    "One of trace, debug, info, warning, error, critical and off. Anything else changes nothing.",
    env="LOG_LEVEL",
    metavar="LEVEL",
)
LOG_JSON: Final = Flag(("--log-json",), False, "write the error log as JSON, one object a line")
DRAIN: Final = Flag(
    ("--drain-time-s",),
    30.0,
    "seconds that a graceful stop waits for requests under way",
    "MOSN's default is 600. Idle connections are not waited for.",
    metavar="SECONDS",
)
ORPHAN: Final = Flag(
    ("--orphan-timeout-s",),
    60.0,
    "seconds that workers serve on when the supervisor has died",
    metavar="SECONDS",
)

_IGNORED_TEXT: Final = (
    "service-cluster s",
    "service-node n",
    "service-type p",
    "service-meta sm",
    "service-lables sl",
    "cluster-domain domain",
    "feature-gates f",
    "pod-namespace pns",
    "pod-name pn",
    "pod-ip pi",
    "log-format lf",
    "component-log-level lc",
    "local-address-ip-version",
    "restart-epoch",
    "parent-shutdown-time-s",
    "max-obj-name-len",
    "concurrency",
    "bootstrap-version",
    "drain-strategy",
)
_IGNORED_SWITCHES: Final = ("log-format-prefix-with-location", "disable-hot-restart")


def _ignored() -> tuple[Flag, ...]:
    flags = []
    for text in _IGNORED_TEXT:
        long, *aliases = text.split()
        names = (*(f"-{alias}" for alias in aliases), f"--{long}")
        flags.append(Flag(names, "", ignored=True))
    flags += [Flag((f"--{name}",), None, many="?", ignored=True) for name in _IGNORED_SWITCHES]
    return tuple(flags)


COMMANDS: Final = (
    Command(
        "start",
        "serve a configuration file",
        "Serves in the foreground until it is told to stop. SIGTERM stops when the requests under"
        " way are finished, SIGINT and SIGQUIT stop at once, SIGHUP reads the configuration file"
        " again, SIGUSR1 opens the log files again. A configuration with an error is refused as a"
        " whole; nothing is half started.",
        (CONFIG, LOG_LEVEL, LOG_JSON, DRAIN, ORPHAN, *_ignored()),
        "serve:start",
    ),
    Command(
        "stop",
        "stop a running server",
        "Lets requests under way finish (for as long as the server's --drain-time-s), and returns"
        " when the server is gone. MOSN's stop is what --now does.",
        (
            CONFIG,
            PID_FILE,
            Flag(("--now",), False, "do not wait for requests under way"),
            Flag(
                ("--wait",),
                60.0,
                "give up after so many seconds; the server stops nevertheless",
                metavar="SECONDS",
            ),
        ),
        "remote:stop",
    ),
    Command(
        "reload",
        "make a running server read its configuration file again",
        "The new configuration is built completely before it replaces the old one. If it has an"
        " error, the old one keeps serving, the error is printed and the exit status is 1.",
        (CONFIG, PID_FILE),
        "remote:reload",
    ),
    Command(
        "status",
        "show what a running server does",
        "Prints its process, state, listeners and workers as JSON.",
        (CONFIG, PID_FILE),
        "remote:status",
    ),
    Command(
        "validate",
        "check a configuration file without serving it",
        "Prints the first error with its place in the file, or else every warning and every part"
        " that has no effect. The exit status is 1 when there is an error.",
        (
            CONFIG,
            Flag(("--strict",), False, "an unknown key is an error, and so is every warning"),
        ),
        "documents:validate",
    ),
    Command(
        "config expand",
        "print a configuration with every default written out",
        "The output is MOSN's JSON whatever the input was, and can be served as it is. Secrets are"
        " not shown unless asked for.",
        (CONFIG, Flag(("--secrets",), False, "print private keys and passwords too")),
        "documents:expand_command",
    ),
    Command(
        "config schema",
        "print a JSON Schema of the configuration, for editors",
        "Most editors complete and check a file whose schema they know.",
        (Flag(("--short",), False, "of the short form instead of MOSN's"),),
        "documents:schema_command",
    ),
    Command(
        "proxy",
        "serve without a configuration file",
        "Listens on LISTEN (a port, address:port or unix:/path) and spreads HTTP requests over the"
        " targets. Stops like start.",
        (
            Flag(("listen",), None, "where to listen", metavar="LISTEN"),
            Flag(("targets",), None, "host:port of a server", metavar="TARGET", many="+"),
            Flag(("--tcp",), False, "forward connections instead of HTTP requests"),
            LOG_LEVEL,
            DRAIN,
        ),
        "serve:proxy",
    ),
    Command(
        "demo",
        "show the proxy at work, with an origin of its own",
        "Starts two small origins and the proxy in front of them, sends a few requests, prints what"
        " happened and which addresses to try, and serves until Ctrl-C.",
        (
            Flag(("--port",), 2045, "where the proxy listens, on 127.0.0.1"),
            Flag(("--admin-port",), 34901, "where its admin API listens"),
            Flag(("--once",), False, "end after the requests"),
        ),
        "demo:demo",
    ),
    Command(
        "version",
        "print the version and how the program is built",
        "Lists the modules of the data plane and whether they are compiled. Interpreted ones work"
        " and are slow.",
        (),
        "documents:version",
    ),
)


class _Formatter(argparse.HelpFormatter):
    """argparse makes one even when it shows no help, and to find out how wide a terminal is it
    would load the libraries of three compression formats."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_WIDTH)


class _Parser(argparse.ArgumentParser):
    """Reports mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"pymosn: {message}; see pymosn {self.prog} --help\n".replace("  ", " "))


def parser(command: Command) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    made = _Parser(
        prog=command.name, add_help=False, allow_abbrev=False, formatter_class=_Formatter
    )
    made.add_argument("-h", "--help", action="store_true")
    for flag in command.flags:
        options: dict[str, Any] = {}
        if flag.default is False:
            options["action"] = "store_true"
        else:
            if isinstance(flag.default, float):
                options["type"] = _seconds
            if flag.metavar:
                options["metavar"] = flag.metavar
            if flag.many:
                options["nargs"] = flag.many
        if flag.names[0].startswith("-"):
            options["dest"] = flag.dest
            options["default"] = os.environ.get(flag.env, flag.default)
        made.add_argument(*_spellings(flag), **options)
    return made


def overview() -> str:
    """Return the help of the program."""
    width = max(len(command.name) for command in COMMANDS)
    lines = "\n".join(f"  {command.name:{width}}  {command.help}" for command in COMMANDS)
    return (
        "pymosn: MOSN, the cloud-native L4/L7 proxy, in compiled Python\n\n"
        f"usage: pymosn COMMAND [FLAGS]\n\n{lines}\n\n"
        "pymosn COMMAND --help explains a command. Flags without a command mean start.\n"
    )


def explain(command: Command) -> str:
    """Return the help of one command, as prose."""
    arguments = [flag for flag in command.flags if not flag.names[0].startswith("-")]
    shown = " ".join(f"{flag.metavar}{'...' if flag.many else ''}" for flag in arguments)
    parts = [
        f"usage: pymosn {command.name} [FLAGS]{f' {shown}' if shown else ''}",
        textwrap.fill(command.details, _WIDTH),
    ]
    parts += [_explain_flag(flag) for flag in command.flags if not flag.ignored]
    ignored = ", ".join(flag.names[-1] for flag in command.flags if flag.ignored)
    if ignored:
        text = f"Accepted for MOSN's sake, without effect: {ignored}."
        parts.append(textwrap.fill(text, _WIDTH, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n"


def ignored_flags(command: Command, given: argparse.Namespace) -> list[str]:
    """Return the flags that were given and have no effect."""
    return [
        flag.names[-1]
        for flag in command.flags
        if flag.ignored and getattr(given, flag.dest) not in ("", None)
    ]


def find(words: Iterable[str]) -> tuple[Command | None, int]:
    """Return the command that the words begin with, and how many of them it takes."""
    given = list(words)
    for command in COMMANDS:
        name = command.name.split()
        if given[: len(name)] == name:
            return command, len(name)
    return None, 0


def _explain_flag(flag: Flag) -> str:
    names = ", ".join(flag.names) if flag.names[0].startswith("-") else flag.metavar
    value = f" {flag.metavar}" if flag.metavar and flag.names[0].startswith("-") else ""
    text = f"{flag.help[:1].upper()}{flag.help[1:]}."
    if flag.details:
        text += f" {flag.details}"
    if flag.default not in (None, False, ""):
        shown = f"{flag.default:g}" if isinstance(flag.default, float) else flag.default
        text += f" Default: {shown}."
    if flag.env:
        text += f" Environment: {flag.env}."
    return f"  {names}{value}\n" + textwrap.indent(textwrap.fill(text, _WIDTH - 6), "      ")


def _spellings(flag: Flag) -> list[str]:
    """Return the names, with the single-dash forms that Go's flags have."""
    names = list(flag.names)
    for name in flag.names:
        if name.startswith("--"):
            names.append(name[1:])
        elif name.startswith("-") and len(name) > 2:
            names.append(f"-{name}")
    return names


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value
