"""Line coverage by package: ``python -m tests.support.coverage_report coverage.json``.

Counts what runs interpreted: plain modules, and the codecs, whose tests run them both ways.  Lines
of modules that only ever run compiled cannot be seen, so those modules are left out and named.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def main(report: str) -> None:
    """Print the table."""
    packages: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    unseen = []
    for name, found in json.loads(Path(report).read_text(encoding="utf-8"))["files"].items():
        path = Path(name)
        parts = path.parts[path.parts.index("pymosn") + 1 :]
        counted = found["summary"]
        if path.with_suffix(".pxd").exists() and not counted["covered_lines"]:
            unseen.append("/".join(parts))
            continue
        package = "/".join(parts[:-1]) or "pymosn"
        for key in (package, "all of these"):
            packages[key][0] += counted["covered_lines"]
            packages[key][1] += counted["num_statements"]
    for package in sorted(packages, key=lambda key: (key == "all of these", key)):
        covered, total = packages[package]
        share = 100 * covered / max(total, 1)
        print(f"{package:28} {covered:6} of {total:6} lines  {share:6.1f} %")  # noqa: T201
    print(f"\nonly compiled, so not seen: {', '.join(sorted(unseen))}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
