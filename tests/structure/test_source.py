"""What is compiled, and what is explained."""

import ast

import pytest

from tests.structure.source import SOURCE, modules, tree

HOT = ("network", "protocol", "stream", "router", "upstream", "proxy")
NOT_COMPILED = (
    "pymosn.network.address",  # text for people, and addresses from the configuration
    "pymosn.network.loop",  # a subclass of asyncio's loop: Python calls Python there
    "pymosn.protocol.http2.errors",  # numbers
    "pymosn.router.pattern",  # compiles expressions when a table is built
    "pymosn.proxy.phases",  # numbers
    "pymosn.protocol.xprotocol.generic",  # JSON by msgspec, and what becomes of its values
    "pymosn.proxy.transcoders",  # calls of ``generic`` and of the standard library
    "pymosn.proxy.transcoding",  # what users subclass
    "pymosn.proxy.tcp_routes",  # once a connection, and mostly the standard library
)
SELF_EVIDENT = ("pymosn.stream.facts",)  # a function there is the fact that it is named after


def _compiled(name: str) -> bool:
    path = modules()[name]
    return path.suffix == ".pyx" or path.with_suffix(".pxd").exists()


def test_every_pxd_has_its_module() -> None:
    orphans = [
        path
        for path in SOURCE.rglob("*.pxd")
        if not (path.with_suffix(".py").exists() or path.with_suffix(".pyx").exists())
    ]
    assert not orphans


def test_native_modules_have_stubs() -> None:
    assert not [path for path in SOURCE.rglob("*.pyx") if not path.with_suffix(".pyi").exists()]


@pytest.mark.parametrize("package", HOT)
def test_hot_packages_are_compiled(package: str) -> None:
    inside = [
        name
        for name, path in modules().items()
        if name.startswith(f"pymosn.{package}.") and path.name != "__init__.py"
    ]
    assert inside
    assert not [name for name in inside if not _compiled(name) and name not in NOT_COMPILED]


def test_what_is_not_compiled_is_listed_once() -> None:
    assert not [name for name in NOT_COMPILED if name not in modules() or _compiled(name)]


@pytest.mark.parametrize("name", [name for name, path in modules().items() if path.suffix == ".py"])
def test_public_names_are_explained(name: str) -> None:
    module = tree(modules()[name])
    assert ast.get_docstring(module), "the module has no docstring"
    if name in SELF_EVIDENT:
        return
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    silent = [
        node.name
        for node in module.body
        if isinstance(node, kinds)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent
