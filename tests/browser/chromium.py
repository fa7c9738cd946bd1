"""Which Chromium the browser tests drive. `python -m tests.browser.chromium` finds one, or installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DOWNLOAD_SECONDS = 300
PACKAGE_SECONDS = 600
NOT_FOUND = (
    "No Chromium was found and none could be installed: install the package chromium, "
    "or name a Chromium or Chrome, as in CHROMIUM=/opt/chrome/chrome make test."
)


def find() -> Path | None:
    """A Chromium that starts: the one CHROMIUM names, the system's, or Playwright's own; None without any."""
    if named := os.environ.get("CHROMIUM"):
        return Path(named) if works(Path(named)) else None
    found = [Path(path) for name in NAMES if (path := shutil.which(name))]
    return next((path for path in [*found, *_of_playwright()] if works(path)), None)


def works(path: Path) -> bool:
    """Whether it starts here: a download may lack the libraries it needs."""
    try:
        done = subprocess.run([path, "--version", "--no-sandbox"], check=False, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _of_playwright() -> list[Path]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return [Path(playwright.chromium.executable_path)]


def install() -> None:
    """Try Playwright's own download, then Debian's package; whether one worked is for `find` to say."""
    print("No Chromium here: installing one ...", flush=True)
    _try([sys.executable, "-m", "playwright", "install", "chromium"], DOWNLOAD_SECONDS)
    if find() is None and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        environ = ["env", "DEBIAN_FRONTEND=noninteractive"]
        _try([*root, "apt-get", "update", "-qq"], PACKAGE_SECONDS)
        packages = ["chromium", "fonts-liberation"]
        _try([*root, *environ, "apt-get", "install", "-qq", "--no-install-recommends", *packages], PACKAGE_SECONDS)


def _try(argv: list[str], seconds: float) -> None:
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"That did not work: {error}", flush=True)


def main() -> int:
    if find() is None:
        install()
    path = find()
    print(path or f"error: {NOT_FOUND}", file=sys.stdout if path else sys.stderr)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
