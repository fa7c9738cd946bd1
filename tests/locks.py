"""That the locks pin everything asked for, with hashes, and name no registry. `python -m tests.locks`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,._-]+\])?==\S+")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(source: Path) -> set[str]:
    return {normal(match[1]) for line in source.read_text().splitlines() if (match := _NAME.match(line))}


def wrong(source: Path, lock: Path) -> list[str]:
    """What is wrong with a lock, a sentence each."""
    text = lock.read_text()
    problems = [f"{lock.name} names an address: {found}" for found in re.findall(r"\S*://\S*", text)]
    pinned = set()
    for block in re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " ")):
        if match := _PIN.match(block):
            pinned.add(normal(match[1]))
            if "--hash=sha256:" not in block:
                problems.append(f"{lock.name} has no hash for {match[1]}.")
    problems += [f"{lock.name} does not pin {name}: run make lock." for name in asked_for(source) - pinned]
    return problems


def main() -> int:
    problems = []
    for name in ("requirements", "requirements-dev"):
        problems += wrong(ROOT / f"{name}.in", ROOT / f"{name}.lock")
    print("\n".join(problems) or "Both locks are whole.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
