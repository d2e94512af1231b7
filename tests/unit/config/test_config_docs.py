"""The examples in the documentation are configurations."""

import re
from pathlib import Path

import pytest

from pymosn.config.compile import compile_snapshot
from pymosn.config.load import parse_config
from pymosn.observe.metrics import SlotTable

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
EXAMPLES = re.findall(r"^```(yaml|json)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "text"), EXAMPLES)
def test_example(language: str, text: str) -> None:
    loaded = parse_config(text, is_yaml=language == "yaml", strict=True)
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert loaded.findings == []
    assert snapshot.listeners
