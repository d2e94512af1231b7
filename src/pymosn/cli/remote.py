"""``pymosn stop``, ``reload`` and ``status``: commands to a server that is running.

The server is found by the pid file of its configuration.  Without its control socket (another
mount namespace, say) signals must do.
"""

import json
import os
import signal
import sys
import time
from argparse import Namespace
from typing import Final

from pymosn.cli.flags import Command
from pymosn.errors import ConfigError
from pymosn.lifecycle.control import ControlError, ask, is_running, read_pid

_POLL: Final = 0.05


def stop(command: Command, given: Namespace) -> int:
    """Stop the server and wait until it is gone."""
    del command
    try:
        pid = _find(_pid_file(given))
        os.kill(pid, signal.SIGINT if given.now else signal.SIGTERM)
    except (_NotFoundError, ConfigError, OSError) as error:
        return _fail(error)
    deadline = time.monotonic() + given.wait
    while is_running(pid):
        if time.monotonic() > deadline:
            return _fail(f"process {pid} has not ended after {given.wait:g} s")
        time.sleep(_POLL)
    print(f"stopped (process {pid})")
    return 0


def reload(command: Command, given: Namespace) -> int:
    """Make the server read its configuration again; prints the error it finds."""
    del command
    try:
        pid_file = _pid_file(given)
        pid = _find(pid_file)
    except (_NotFoundError, ConfigError) as error:
        return _fail(error)
    try:
        print(ask(pid_file, "reload", timeout=120)["message"])
    except ControlError as error:
        return _fail(f"the old configuration stays: {error}")
    except OSError:
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            return _fail(error)
        print(f"told process {pid} to reload; its log says whether it did")
    return 0


def status(command: Command, given: Namespace) -> int:
    """Print what the server says about itself."""
    del command
    try:
        pid_file = _pid_file(given)
        _find(pid_file)
        answer = ask(pid_file, "status")
    except (_NotFoundError, ConfigError, ControlError, OSError) as error:
        return _fail(error)
    del answer["ok"]
    print(json.dumps(answer, indent=2))
    return 0


class _NotFoundError(Exception):
    """No server runs."""


def _pid_file(given: Namespace) -> str:
    if given.pid_file:
        return str(given.pid_file)
    from pymosn.config.load import load_config  # not with --pid-file
    from pymosn.config.settings import server_settings

    loaded = load_config(given.config)
    return server_settings(loaded.config, source=loaded.source).pid_path


def _find(pid_file: str) -> int:
    pid = read_pid(pid_file)
    if not pid:
        raise _NotFoundError(f"pymosn is not running ({pid_file} names no living process)")
    return pid


def _fail(reason: object) -> int:
    print(f"pymosn: {reason}", file=sys.stderr)
    return 1
