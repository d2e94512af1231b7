"""The control socket and the pid file."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pymosn.lifecycle.control import (
    ControlError,
    ControlServer,
    ask,
    is_running,
    read_pid,
    remove_pid,
    write_pid,
)


async def handle(command: str) -> dict[str, Any]:
    if command == "fail":
        raise ControlError("it is broken: 中文")
    return {"message": f"did {command}"}


def served(pid_file: Path, *commands: str) -> list[Any]:
    """Run a server and ask it from a thread."""

    def one(command: str) -> Any:
        try:
            return ask(str(pid_file), command, timeout=5)["message"]
        except ControlError as error:
            return error

    async def main() -> list[Any]:
        server = ControlServer(str(pid_file), handle)
        await server.start()
        mode = Path(server.path).stat().st_mode if len(server.path) < 100 else 0o600
        assert stat.S_IMODE(mode) & 0o077 == 0
        try:
            return [await asyncio.to_thread(one, command) for command in commands]
        finally:
            server.close()

    return asyncio.run(main())


def test_commands_and_answers(directory: Path) -> None:
    done, failed = served(directory / "mosn.pid", "reload", "fail")
    assert done == "did reload"
    assert str(failed) == "it is broken: 中文"
    assert not (directory / "mosn.pid.sock").exists()


def test_a_very_long_path(directory: Path) -> None:
    deep = directory / ("x" * 100) / ("y" * 100)
    assert served(deep / "mosn.pid", "reload") == ["did reload"]


def test_a_second_server_is_refused(directory: Path) -> None:
    async def main() -> None:
        first = ControlServer(str(directory / "pid"), handle)
        await first.start()
        second = ControlServer(str(directory / "pid"), handle)
        with pytest.raises(OSError, match="in use"):
            await second.start()
        second.close()
        assert Path(first.path).exists()
        first.close()

    asyncio.run(main())


def test_nobody_answers(directory: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(str(directory / "pid"), "reload")


def test_pid_files(directory: Path) -> None:
    file = directory / "sub" / "mosn.pid"
    assert read_pid(str(file)) == 0
    write_pid(str(file))
    assert file.read_text() == f"{os.getpid()}\n"
    assert read_pid(str(file)) == os.getpid()
    remove_pid(str(file))
    assert not file.exists()


def test_a_pid_file_of_somebody_else_stays(directory: Path) -> None:
    file = directory / "mosn.pid"
    file.write_text("1\n")
    remove_pid(str(file))
    assert file.exists()
    file.write_text("nonsense")
    assert read_pid(str(file)) == 0


def test_running() -> None:
    assert is_running(os.getpid())
    assert not is_running(0)
    assert not is_running(-1)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(pid)  # a zombie has ended
    os.waitpid(pid, 0)
    assert not is_running(pid)
