"""The size budget: functions of at most 60 lines, files of at most 400. `python -m tests.budget`.

Migrations are exempt: Django writes them, one for all that changes at a time, and nobody changes them afterwards.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
LONGEST_TEMPLATE = 150
SKIPPED = {"var", "vendor", "node_modules"}


def sources(*endings: str) -> Iterator[Path]:
    """The project's own files, not what was installed, generated or vendored."""
    for folder, folders, files in ROOT.walk():
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        yield from (folder / name for name in files if name.endswith(endings))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The name with its place, and the lines, of each function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines


def length(path: Path) -> tuple[str, int]:
    return str(path.relative_to(ROOT)), len(path.read_text(encoding="utf-8").splitlines())


def judged(what: str, sizes: list[tuple[str, int]], most: int) -> list[str]:
    """Print median, 90th percentile and largest; give what is too long."""
    lines = [size for _name, size in sizes] or [0]
    tenth = quantiles(lines, n=10)[8] if len(lines) > 1 else lines[0]
    print(f"{what:<10} {len(sizes):>5}   lines: median {median(lines):.0f}, p90 {tenth:.0f}, largest {max(lines)}")
    return [f"{name} has {size} lines, and {most} is the most." for name, size in sizes if size > most]


def main() -> int:
    code = [path for path in sources(".py") if "migrations" not in path.parts]
    too_long = [
        *judged("functions", [found for path in code for found in functions(path)], LONGEST_FUNCTION),
        *judged("files", [length(path) for path in code], LONGEST_FILE),
        *judged("templates", [length(path) for path in sources(".html")], LONGEST_TEMPLATE),
    ]
    print(*too_long, sep="\n", end="\n" if too_long else "", file=sys.stderr)
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
