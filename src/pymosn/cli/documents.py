"""Commands that only print: ``validate``, ``config expand``, ``config schema``, ``version``."""

import json
import platform
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import pymosn
from pymosn.cli.flags import Command
from pymosn.errors import ConfigError


def validate(command: Command, given: Namespace) -> int:
    """Check a configuration file."""
    del command
    from pymosn.lifecycle.configuration import (  # slow to import
        Configuration,
        file_loader,
    )
    from pymosn.observe.metrics import SlotTable

    try:
        loaded = file_loader(given.config, strict=given.strict)()
        Configuration(loaded).compile(SlotTable(), {}, 0)
    except ConfigError as error:
        print(f"pymosn: {error}", file=sys.stderr)
        return 1
    for finding in loaded.findings:
        print(f"{finding.kind}: {finding}")
    if given.strict and loaded.warnings:
        count = len(loaded.warnings)
        print(f"pymosn: {count} warning{'s' if count > 1 else ''}", file=sys.stderr)
        return 1
    print(f"{given.config} is valid")
    return 0


def expand_command(command: Command, given: Namespace) -> int:
    """Print a configuration with its defaults."""
    del command
    from pymosn.config.expand import expand, redact  # slow to import
    from pymosn.config.load import load_config

    try:
        document = expand(load_config(given.config).config)
    except ConfigError as error:
        print(f"pymosn: {error}", file=sys.stderr)
        return 1
    shown = document if given.secrets else redact(document)
    print(json.dumps(shown, indent=2, ensure_ascii=False))
    return 0


def schema_command(command: Command, given: Namespace) -> int:
    """Print the JSON Schema of the configuration."""
    del command
    from pymosn.config.schema import editor_schema  # slow to import

    print(json.dumps(editor_schema(short=given.short), indent=2, ensure_ascii=False))
    return 0


def version(command: Command, given: Namespace) -> int:
    """Print the version and the state of the compiled modules."""
    del command, given
    print(f"pymosn version {pymosn.__version__}")
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for name, compiled in compiled_modules():
        print(f"  {name:40} {'compiled' if compiled else 'interpreted'}")
    return 0


def compiled_modules() -> list[tuple[str, bool]]:
    """Return each module of the data plane and whether it is compiled."""
    root = Path(pymosn.__file__).parent
    sources = {*root.rglob("*.pxd"), *root.rglob("*.pyx")}
    names = {
        ".".join(("pymosn", *source.relative_to(root).with_suffix("").parts)) for source in sources
    }
    states = []
    for name in sorted(names):
        spec = find_spec(name)
        if spec is not None or (root / f"{name.replace('.', '/')}.pyx").exists():
            origin = (spec.origin or "") if spec else ""
            states.append((name, origin.endswith((".so", ".pyd"))))
    return states
