"""Every module by itself: it holds no state, and needs nobody to have been imported before."""

import ast
import importlib
import os
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.structure.source import SOURCE, modules, tree

MUTABLE = (list, dict, set, bytearray)
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MAKERS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter"}

PYTHON_MODULES = [name for name, path in modules().items() if path.suffix == ".py"]
RUNS_WHEN_IMPORTED = ("pymosn.__main__",)

# Each module is imported in a child of an interpreter that has imported nothing of ours.
_IMPORT_EACH = """
import importlib, os, sys, traceback
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(", ".join(failed) or 0)
"""


@pytest.mark.parametrize("name", PYTHON_MODULES)
def test_no_mutable_global_is_written(name: str) -> None:
    """By the text, because the globals of compiled modules can be C variables."""
    found = []
    for node in tree(modules()[name]).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = node.value
            made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
            if isinstance(value, _DISPLAYS) or (made and value.func.id in _MAKERS):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found += [text for text in map(ast.unparse, targets) if text != "__all__"]
    assert not found


@pytest.mark.parametrize("name", [name for name in modules() if name not in RUNS_WHEN_IMPORTED])
def test_no_mutable_global_exists(name: str) -> None:
    module = importlib.import_module(name)
    found = [
        key
        for key, value in vars(module).items()
        if isinstance(value, MUTABLE) and not (key.startswith("__") and key.endswith("__"))
    ]
    assert not found


def _groups() -> dict[str, list[str]]:
    groups = defaultdict(list)
    for name in modules():
        if name not in RUNS_WHEN_IMPORTED:
            parts = name.split(".")
            groups[".".join(parts[:2]) if len(parts) > 2 else parts[0]].append(name)
    return groups


@pytest.mark.parametrize(("group", "names"), _groups().items())
def test_imports_alone(group: str, names: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_EACH, *names],
        check=False, env=environment, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
