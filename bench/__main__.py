"""`python -m bench NAME [--emails N]`: measure one thing, or all of them one after the other.

`seed` measures nothing: it keeps a database with so many emails, for the measurements that look into one. `truth` needs
no database: it tells how often answers and returned mail are read as they should be.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import psutil

from bench import kept, report, search, servers, suppress, truth

NAMES = ("record", "intake", "export", "search", "overview", "live", "submit", "send", "track", "suppress")
READING = ("export", "overview")
EMAILS = 20_000
LEAST = 1000
# Half of one processor taken by others already shows in the slowest requests.
BUSY = 0.5


def count(text: str) -> int:
    """A number of emails; underscores and commas may group its digits."""
    digits = text.replace("_", "").replace(",", "")
    if not digits.isdecimal() or int(digits) < LEAST:
        raise argparse.ArgumentTypeError(f"use a whole number from {LEAST}")
    return int(digits)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=(*NAMES, "truth", "seed", "all"))
    parser.add_argument("--emails", type=count, default=EMAILS, help="emails stored beforehand (%(default)s)")
    parser.add_argument("--home", type=Path, help="a folder on disk for the databases (var/)")
    for name, kind in (("viewers", int), ("rate", int), ("minutes", float), ("processes", int)):
        parser.add_argument(f"--{name}", type=kind, help="of live alone")
    for name, what in (("bounces", "a folder of mails with expected.tsv"), ("replies", "a TSV of answers")):
        parser.add_argument(f"--{name}", type=Path, help=f"{what}, of truth alone")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="of search alone: only these kinds of questions")
    parser.add_argument("--ways", nargs="+", metavar="WAY", help="of export alone: csv, ndjson, csv.gz, background")
    parser.add_argument("--hang", action="store_true", help="of send alone: what domains that hang cost the others")
    parser.add_argument("--entries", type=count, help=f"of suppress alone: on the list beforehand ({suppress.ENTRIES})")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="of suppress alone: check, search, export, import")
    asked = parser.parse_args()
    # Told to end, it takes its servers and their folder along, as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.name == "all":
        return _all(asked.emails, asked.home)
    if asked.name == "seed":
        print(f"{asked.emails:,} emails are in {kept.home(asked.emails, asked.home)}")
        return 0
    if asked.name == "truth":
        return truth.show(asked.bounces, asked.replies)
    warn_if_busy()
    if asked.name == "search":
        report.show(search.measure(asked.emails, asked.home, asked.kinds))
        return 0
    if asked.name == "suppress":
        report.show(suppress.measure(asked.entries or suppress.ENTRIES, asked.home, asked.parts or ()))
        return 0
    with _home(asked) as home, servers.database(home):
        # Imported only now, because it brings Django's models along.
        report.show(importlib.import_module(f"bench.{asked.name}").run(asked.emails, **_options(asked)))
    return 0


def _home(asked: argparse.Namespace) -> AbstractContextManager[Path]:
    """The database that is kept for this many emails, where the measurement only reads and there is one."""
    if asked.name in READING and kept.is_there(asked.emails, asked.home):
        return nullcontext(kept.place(asked.emails, asked.home))
    return servers.new_home(asked.home)


def _options(asked: argparse.Namespace) -> dict[str, Any]:
    names = {"live": ("viewers", "rate", "minutes", "processes"), "export": ("ways",), "send": ("hang",)}.get(
        asked.name, ()
    )
    return {name: value for name in names if (value := getattr(asked, name)) is not None}


def warn_if_busy() -> None:
    """Say so where others use the processors: then the figures tell more about them than about us."""
    busy = psutil.cpu_percent(interval=1) / 100 * (psutil.cpu_count() or 1)
    if busy > BUSY:
        print(f"Others keep {busy:.1f} processors of this machine busy: measure again when it is quiet.")


def _all(emails: int, home: Path | None) -> int:
    """Each in a process and a database of its own, so that none meets what another left behind."""
    options = ["--emails", str(emails), "--entries", str(emails), *(["--home", str(home)] if home else [])]
    return max([_run([sys.executable, "-m", "bench", name, *options]) for name in NAMES])


def _run(argv: list[str]) -> int:
    # In a session of its own: it hears of Ctrl-C from us alone, once, and has the time it needs to clear up.
    process = subprocess.Popen(argv, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped.")
