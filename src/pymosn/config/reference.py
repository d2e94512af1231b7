"""The configuration reference in Markdown, generated from the model's own documentation.

``python -m pymosn.config.reference > docs/configuration-reference.md`` writes it anew.
"""

import inspect
import sys
from typing import Any, Final

from msgspec import Struct

from pymosn.config import model
from pymosn.config.schema import editor_schema, structs_of
from pymosn.config.short_model import ShortConfig

_INTRODUCTION: Final = """# Configuration reference

Generated from the declarations in `pymosn.config`; [configuration.md](configuration.md) explains.
A text that begins with "pymosn:" is about a key that MOSN does not have. Durations are written
`300ms`, `30s`, `1h30m`; sizes `64KB`, `1MB`.

"""


def reference_page() -> str:
    """Return the whole page."""
    mosn, short = reference(), reference(short=True)
    return f"{_INTRODUCTION}## The short form\n\n{short}\n## MOSN's form\n\n{mosn}"


def reference(*, short: bool = False) -> str:
    """Return one section for each kind of object of MOSN's form, or of the short form."""
    root: type[Struct] = ShortConfig if short else model.MosnConfig
    schema = editor_schema(short=short)
    return "\n".join(
        _section(cls, schema["$defs"][cls.__name__])
        for cls in structs_of(root)
        if cls.__name__.startswith("Short") == short  # the short form shares Http1Config
    )


def _section(cls: type[Struct], schema: dict[str, Any]) -> str:
    lines = [f"### {_title(cls.__name__)}", "", inspect.getdoc(cls) or "", ""]
    rows = [
        f"| `{key}` | {_kind(item)} | {_default(item)} | {_cell(item.get('description', ''))} |"
        for key, item in schema["properties"].items()
        if key != "$schema"
    ]
    if rows:
        lines += ["| key | value | default | |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines).replace("``", "`")


def _title(name: str) -> str:
    """``ShortRoute`` becomes "Short Route": the two forms' headings must differ."""
    return f"Short {name.removeprefix('Short')}" if name.startswith("Short") else name


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        title = _title(schema["$ref"].rpartition("/")[2])
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    if "anyOf" in schema:
        if "pattern" in schema["anyOf"][0]:
            return "duration" if "ms" in schema["anyOf"][0]["pattern"] else "size"
        return " or ".join(dict.fromkeys(_kind(choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_kind(inner)}" if inner else "object"
    names = {"string": "text", "boolean": "true or false", "integer": "number", "number": "number"}
    return names.get(schema.get("type", ""), "any")


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference_page())
