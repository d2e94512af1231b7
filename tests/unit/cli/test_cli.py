"""The command line: what it accepts, what it says, how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pymosn.cli.flags import COMMANDS, explain, find, ignored_flags, overview, parser
from pymosn.cli.main import main
from tests.support.configs import http_config, router
from tests.support.process import environment


def run_main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    captured = capsys.readouterr()
    code = caught.value.code
    return (code if isinstance(code, int) else 1), captured.out, captured.err


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mosn.json"
    path.write_text(json.dumps(http_config("127.0.0.1:8080")))
    return path


def test_no_arguments_print_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_main(capsys)
    assert code == 0
    assert out == overview()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: object) -> None:
    name = command.name  # type: ignore[attr-defined]
    code, out, _ = run_main(capsys, *name.split(), "--help")
    assert code == 0
    assert out == explain(command)  # type: ignore[arg-type]
    assert out.startswith(f"usage: pymosn {name} ")
    assert all(len(line) <= 80 for line in out.splitlines())


def test_flags_have_text_and_unique_names() -> None:
    for command in COMMANDS:
        names = [name for flag in command.flags for name in flag.names]
        assert len(names) == len(set(names)), command.name
        for flag in command.flags:
            assert flag.ignored or flag.help, flag


def test_unknown_commands_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_main(capsys, "frobnicate")
    assert (code, err) == (2, "pymosn: 'frobnicate' is not a command; see pymosn --help\n")
    code, _, err = run_main(capsys, "stop", "--frobnicate")
    assert code == 2
    assert "--frobnicate" in err


@pytest.mark.parametrize("word", ["-v", "--version"])
def test_the_version_flag(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert run_main(capsys, word)[1].startswith("pymosn version ")


def test_the_version_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_main(capsys, "version")
    assert code == 0
    assert "pymosn.network.reactor" in out


def test_mosns_flags_are_accepted() -> None:
    command, _ = find(["start"])
    assert command is not None
    line = "-config x.json --service-cluster c -sm a:b --disable-hot-restart --restart-epoch=3"
    words = [*line.split(), "-l", "warning", "--drain-time-s", "5"]
    given = parser(command).parse_args(words)
    assert given.config == "x.json"
    assert given.drain_time_s == 5.0
    assert ignored_flags(command, given) == [
        "--service-cluster",
        "--service-meta",
        "--restart-epoch",
    ]


def test_the_environment_gives_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSN_CONFIG", "/from/env.json")
    command, _ = find(["start"])
    assert command is not None
    assert parser(command).parse_args([]).config == "/from/env.json"
    assert parser(command).parse_args(["-c", "given"]).config == "given"


@pytest.mark.parametrize("value", ["-1", "x", "nan", "1e99"])
def test_seconds_are_checked(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert run_main(capsys, "start", f"--drain-time-s={value}")[0] == 2


def test_validate(capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path) -> None:
    code, out, _ = run_main(capsys, "validate", "-c", str(config))
    assert (code, out.splitlines()[-1]) == (0, f"{config} is valid")
    document = http_config("127.0.0.1:8080")
    document["servers"][0]["routers"] = [router("nowhere")]
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    code, _, err = run_main(capsys, "validate", "-c", str(bad))
    assert code == 1
    assert "nowhere" in err


def test_strict_validation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    document = {**http_config("127.0.0.1:8080"), "sevrers": 1}
    path = tmp_path / "typo.json"
    path.write_text(json.dumps(document))
    code, out, _ = run_main(capsys, "validate", "-c", str(path))
    assert code == 0
    assert "sevrers" in out
    code, _, err = run_main(capsys, "validate", "--strict", "-c", str(path))
    assert code == 1
    assert "sevrers" in err


def test_expand(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    code, out, _ = run_main(capsys, "config", "expand", "-c", str(config))
    assert code == 0
    assert json.loads(out)["cluster_manager"]["clusters"][0]["name"] == "origin"


@pytest.mark.parametrize("flags", [(), ("--short",)])
def test_schema(capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> None:
    code, out, _ = run_main(capsys, "config", "schema", *flags)
    assert code == 0
    assert "$schema" in json.loads(out)


@pytest.mark.parametrize("command", ["stop", "reload", "status"])
def test_nothing_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    code, _, err = run_main(capsys, command, "--pid-file", str(tmp_path / "none.pid"))
    assert code == 1
    assert "is not running" in err


def test_the_command_line_imports_little() -> None:
    script = (
        "import sys; from pymosn.cli import main, flags;"
        "print([m for m in ('asyncio','ssl','yaml','msgspec','json') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_worker_imports_little() -> None:
    script = (
        "import sys; from pymosn.lifecycle.lean import postpone_ssl; postpone_ssl();"
        "import pymosn.lifecycle.data_plane;"
        "unwanted = ('ssl', 'yaml', 'argparse', 'prometheus_client', 'importlib.metadata',"
        " 'pymosn.config', 'http', 'email', 'json');"
        "print([m for m in unwanted if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout == "[]\n"


def test_asyncio_gets_ssl_after_all() -> None:
    script = (
        "import sys; from pymosn.lifecycle.lean import postpone_ssl; postpone_ssl();"
        "import asyncio; assert 'ssl' not in sys.modules; import ssl;"
        "print(asyncio.sslproto.ssl is ssl, asyncio.base_events.ssl is ssl,"
        " asyncio.sslproto.SSLAgainErrors[0].__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout == "True True SSLWantReadError\n"
