"""Golden files: the input above a line of equals signs, what is expected below it.

``UPDATE_GOLDEN=1`` rewrites what stands below; read the difference before committing it.
"""

import os
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "config"
RULE = "=" * 40 + "\n"


def cases(folder: str) -> pytest.MarkDecorator:
    """Parametrize a test with the files of a folder, as ``golden``."""
    files = sorted((GOLDEN / folder).glob("*.txt"))
    assert files, folder
    return pytest.mark.parametrize("golden", files, ids=[file.stem for file in files])


def read(golden: Path) -> str:
    """Return the input of a golden file."""
    return golden.read_text(encoding="utf-8").split(RULE)[0]


def check(golden: Path, result: str) -> None:
    """Compare a result with what the golden file expects."""
    text = golden.read_text(encoding="utf-8")
    given, _, expected = text.partition(RULE)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(given + RULE + result, encoding="utf-8")
        return
    assert result == expected
