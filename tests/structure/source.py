"""The package as text: its modules, and who imports whom."""

import ast
import gc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
EXAMPLES = SOURCE.parent / "examples"
_CIMPORT = re.compile(r"^\s*from ([\w.]+) cimport (.+)$", re.MULTILINE)


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module; ``.pyx`` modules count, ``.pxd`` files belong to theirs."""
    paths = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyx")]
    return {_name(path): path for path in sorted(paths)}


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a ``.py`` file."""
    # A collection inside the parser runs hypothesis's gc callback, which CPython 3.11 takes for a
    # wrong recursion depth (SystemError), now and then.
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports(path: Path) -> Iterator[str]:
    """Yield what a module imports anywhere in it, and what its ``.pxd`` cimports.

    ``from a import b`` yields ``a.b`` when that is a module of ours, else ``a``.
    """
    if path.suffix == ".py":
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{path}: a relative import"
                yield from _of(node.module, [alias.name for alias in node.names])
    for text in (path.with_suffix(".pxd"), path.with_suffix(".pyx")):
        if text.exists():
            for module, names in _CIMPORT.findall(text.read_text(encoding="utf-8")):
                yield from _of(module, [name.strip() for name in names.split(",")])


def _of(module: str, names: list[str]) -> Iterator[str]:
    for name in names:
        inner = f"{module}.{name}"
        yield inner if inner in modules() else module


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
