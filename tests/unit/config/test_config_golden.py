"""What a person sees: errors, findings, and the model that the short form stands for."""

import json
from pathlib import Path

import config_golden
import pytest
from msgspec import structs

from pymosn.config import model
from pymosn.config.compile import compile_snapshot
from pymosn.config.expand import effective, encode, expand_text
from pymosn.config.load import LoadedConfig, parse_config
from pymosn.errors import ConfigError
from pymosn.observe.metrics import SlotTable


def load(text: str, *, strict: bool = False) -> LoadedConfig:
    """Read a golden input: JSON if it begins with a brace, else YAML."""
    is_yaml = not text.lstrip().startswith("{")
    name = "config.yaml" if is_yaml else "config.json"
    return parse_config(text, file=name, is_yaml=is_yaml, strict=strict)


def load_and_compile(text: str) -> LoadedConfig:
    loaded = load(text)
    compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    return loaded


def without_defaults(value: object, default: object) -> object:
    """Leave out what an empty section has too, for readable golden files."""
    if isinstance(value, dict) and isinstance(default, dict):
        return {
            key: without_defaults(item, default.get(key))
            for key, item in value.items()
            if item != default.get(key)
        }
    return value


def readable(section: model.Section) -> object:
    encoded = encode(section)
    trimmed = without_defaults(encoded, encode(type(section)()))
    assert isinstance(trimmed, dict)
    for info in structs.fields(section):
        item, name = getattr(section, info.name), info.encode_name
        if name not in trimmed:
            continue
        if isinstance(item, model.Section):
            trimmed[name] = readable(item)
        elif isinstance(item, list) and item and isinstance(item[0], model.Section):
            trimmed[name] = [readable(each) for each in item]
    return trimmed


@config_golden.cases("errors")
def test_error(golden: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_and_compile(config_golden.read(golden))
    config_golden.check(golden, f"{caught.value}\n")


@config_golden.cases("findings")
def test_findings(golden: Path) -> None:
    loaded = load_and_compile(config_golden.read(golden))
    lines = [f"{finding.kind}: {finding}\n" for finding in loaded.findings]
    config_golden.check(golden, "".join(lines))


@config_golden.cases("short")
def test_short_form(golden: Path) -> None:
    loaded = load(config_golden.read(golden), strict=True)
    shown = json.dumps(readable(loaded.config), indent=1, ensure_ascii=False) + "\n"
    config_golden.check(golden, shown)
    direct = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    again = load(expand_text(loaded.config), strict=True)
    assert effective(again.config) == again.config
    assert compile_snapshot(again.config, SlotTable()) == direct
