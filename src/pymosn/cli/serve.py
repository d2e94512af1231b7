"""``pymosn start`` and ``pymosn proxy``: a supervisor in the foreground."""

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from pymosn.cli.flags import Command, ignored_flags
from pymosn.errors import ConfigError
from pymosn.lifecycle.lean import postpone_ssl

if TYPE_CHECKING:
    from pymosn.lifecycle.configuration import Loader
    from pymosn.lifecycle.supervisor import Options


def start(command: Command, given: Namespace) -> int:
    """Serve a configuration file."""
    postpone_ssl()
    from pymosn.lifecycle.configuration import file_loader  # after postpone_ssl
    from pymosn.lifecycle.supervisor import Options

    unused = ignored_flags(command, given)
    if unused:
        print(f"pymosn: without effect here: {', '.join(unused)}", file=sys.stderr)
    options = Options(
        drain_time=given.drain_time_s,
        orphan_timeout=given.orphan_timeout_s,
        log_level=given.log_level,
        log_json=given.log_json,
    )
    return _serve(file_loader(given.config), options)


def proxy(command: Command, given: Namespace) -> int:
    """Serve what the command line says."""
    del command
    postpone_ssl()
    from pymosn.config.load import LoadedConfig, from_command_line
    from pymosn.lifecycle.supervisor import Options

    def load() -> LoadedConfig:
        return from_command_line(given.listen, given.targets, tcp=given.tcp)

    options = Options(drain_time=given.drain_time_s, log_level=given.log_level, pid_file=False)
    return _serve(load, options)


def _serve(loader: "Loader", options: "Options") -> int:
    import asyncio

    from pymosn.lifecycle.supervisor import StartError, Supervisor

    async def run() -> int:
        return await Supervisor(loader, options).run(_report)

    loop = asyncio.new_event_loop()
    try:
        status = loop.run_until_complete(run())
    except (ConfigError, StartError) as error:
        print(f"pymosn: {error}", file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that waits for a name server must not delay the end.
    os._exit(status)


def _report(supervisor: object) -> None:
    """Say on the terminal what the log says, unless that is the log."""
    from pymosn.lifecycle.supervisor import Supervisor

    assert isinstance(supervisor, Supervisor)
    if not supervisor.log.is_file:
        return
    for finding in supervisor.configuration.findings:
        print(f"pymosn: {finding}", file=sys.stderr)
    for line in supervisor.greeting():
        print(line, file=sys.stderr)
    print(f"the log is {supervisor.log.path}", file=sys.stderr)
