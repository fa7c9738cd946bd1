"""Seeded databases that stay: made once, in minutes, and there for every measurement after.

A folder of these belongs to one process at a time. Measurements that write into it leave what they wrote behind.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench import servers

# Written last: a folder without it was cut short.
WHOLE = "seeded"


def home(emails: int, parent: Path | None = None) -> Path:
    """The folder with a database of this many emails: `bench-seed-<emails>` below `parent`, or else below `var/`.

    Seeds it first where there is none yet; that happens in a process of its own, as Django knows one database.
    """
    folder = place(emails, parent)
    if not is_there(emails, parent):
        subprocess.run([sys.executable, "-m", "bench.kept", str(emails), folder], check=True)
    return folder


def place(emails: int, parent: Path | None = None) -> Path:
    """Where a database of this many emails is kept, or would be."""
    return (parent or servers.BASE_DIR / "var").absolute() / f"bench-seed-{emails}"


def is_there(emails: int, parent: Path | None = None) -> bool:
    return (place(emails, parent) / WHOLE).exists()


def make(emails: int, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.monotonic()
    with servers.database(folder):
        from bench.seed import THREE, seed

        seed(emails, THREE)
    (folder / WHOLE).write_text(f"{emails}\n")
    print(f"  {time.monotonic() - begin:,.0f} seconds", flush=True)


if __name__ == "__main__":
    make(int(sys.argv[1]), Path(sys.argv[2]))
