"""Who may import whom.  The arrows point upwards: a layer knows what is above it in the list."""

import pytest

from tests.structure.source import EXAMPLES, imports, modules

LAYERS = (
    ("buffer", "observe.slots", "observe.syslog"),
    ("errors", "message", "snapshot", "observe.metrics"),
    ("network", "protocol"),
    ("stream",),
    ("observe.accesslog",),  # renders streams, so it is not with the rest of ``observe``
    ("router", "upstream"),
    ("proxy",),
    ("api",),
    ("filters",),
    ("extension",),
    ("runtime",),
    ("config", "observe"),
    ("admin",),
    ("lifecycle",),
    ("server",),  # the embedded form of ``cli``
    ("cli",),
    ("__main__",),
)
"""Modules in one line never import each other."""

DATA_PLANE = ("network", "protocol", "stream", "router", "upstream", "proxy", "runtime")

EXCEPTIONS: dict[str, str] = {}
"""``"a -> b"``: why it may."""

NOT_FOR_PROTOCOL = {"asyncio", "socket", "ssl", "time", "logging"}
"""Codecs are functions of bytes: no clock, no descriptors, nobody to tell."""

ROOT = "pymosn"
"""The package itself has the version, which everybody may ask, and ``Server``, loaded late."""


def layer(module: str) -> tuple[int, str]:
    """Return the number and the name of a module's layer; the longest name wins."""
    inner = module.removeprefix("pymosn.")
    found = [
        (len(name), number, name)
        for number, names in enumerate(LAYERS)
        for name in names
        if inner == name or inner.startswith(name + ".")
    ]
    assert found, f"{module} has no layer: add it to LAYERS"
    _, number, name = max(found)
    return number, name


def ours(module: str) -> list[str]:
    found = {name for name in imports(modules()[module]) if name.startswith("pymosn.")}
    return sorted(found)


MODULES = [name for name in modules() if name != ROOT]


@pytest.mark.parametrize("module", MODULES)
def test_layers(module: str) -> None:
    mine, part = layer(module)
    wrong = []
    for other in ours(module):
        theirs, name = layer(other)
        if f"{module} -> {other}" in EXCEPTIONS:
            continue
        if theirs > mine or (theirs == mine and name != part):
            wrong.append(other)
    assert not wrong, f"{module} is below these, or beside them"


def test_exceptions_are_real() -> None:
    edges = {f"{module} -> {other}" for module in MODULES for other in ours(module)}
    assert EXCEPTIONS.keys() <= edges


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name)[1] in DATA_PLANE])
def test_the_data_plane_has_no_configuration_files(module: str) -> None:
    assert not [name for name in ours(module) if layer(name)[1] in ("config", "lifecycle", "admin")]


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name)[1] == "config"])
def test_the_configuration_compiles_to_a_snapshot(module: str) -> None:
    """The control plane never builds objects of the data plane."""
    assert not [name for name in ours(module) if layer(name)[1] in DATA_PLANE]


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name)[1] == "protocol"])
def test_codecs_do_no_io(module: str) -> None:
    found = set(imports(modules()[module]))
    assert not {name.partition(".")[0] for name in found} & NOT_FOR_PROTOCOL
    assert "pymosn.observe.metrics" not in found


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name)[1] == "filters"])
def test_filters_use_the_public_interface(module: str) -> None:
    assert set(ours(module)) <= {"pymosn.api"}


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: str(path.relative_to(EXAMPLES))
)
def test_examples_use_the_public_interface(path) -> None:
    found = {name for name in imports(path) if name.partition(".")[0] == "pymosn"}
    # ``Server`` is the package's own.
    assert found <= {"pymosn.api", "pymosn"}
