"""Fetch the front-end files that static/vendor/manifest.toml names, or check those that are there."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
import tempfile
import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

# Nothing of the map is shipped, and a reference to a file that is not there breaks the hashing of names.
SOURCE_MAP = re.compile(rb"\s*/\*# sourceMappingURL=[^*]*\*/\s*$")
DRAWING = re.compile(r"<(?:path|circle|rect|line|ellipse|polyline|polygon)\b[^>]*?/?>", re.DOTALL)
EMPTY = 'stroke="none" d="M0 0h24v24H0z"'


def package_files(name: str, version: str, folder: Path) -> Path:
    """Unpack this version of a package into `folder`; returns where its files are. Needs npm and the network."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except FileNotFoundError as error:
        raise CommandError("npm was not found: install Node.js, or keep the files that are there.") from error
    except subprocess.CalledProcessError as error:
        raise CommandError(f"{name} {version} could not be fetched: {error.stderr.strip()}") from error
    with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def symbol(name: str, svg: str) -> str:
    """One icon as a <symbol> to be used by its name."""
    shapes = [" ".join(shape.split()) for shape in DRAWING.findall(svg) if EMPTY not in " ".join(shape.split())]
    return f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(shapes)}</symbol>'


def sprite(package: dict[str, Any], files: Path) -> bytes:
    """All icons the package is to give, in one file."""
    drawn = [symbol(name, (files / "icons/outline" / f"{name}.svg").read_text()) for name in sorted(package["icons"])]
    note = f"<!-- {package['name']} {package['version']}, {package['licence']} licence, {package['copyright']} -->"
    return "\n".join([note, '<svg xmlns="http://www.w3.org/2000/svg">', *drawn, "</svg>", ""]).encode()


def written(manifest: dict[str, Any]) -> str:
    """The manifest as TOML."""
    lines = ["# Files of others, fetched by `manage.py vendor` and checked by `manage.py vendor --check`."]
    for package in manifest["package"]:
        lines += ["", "[[package]]"]
        for key, value in package.items():
            if isinstance(value, list):
                lines += [f"{key} = [", *(f'  "{word}",' for word in sorted(value)), "]"]
            else:
                lines.append(f'{key} = "{value}"')
    return "\n".join(lines) + "\n"


class Command(BaseCommand):
    help = "Fetches the front-end files named in static/vendor/manifest.toml from npm; --check only compares hashes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare the files with their hashes; no network")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        static = Path(settings.BASE_DIR) / "static"
        path = static / "vendor" / "manifest.toml"
        manifest = tomllib.loads(path.read_text())
        for package in manifest["package"]:
            target = static / package["to"]
            if check:
                self._compare(target, package["sha256"])
            else:
                package["sha256"] = self._fetch(package, target)
        if not check:
            path.write_text(written(manifest))

    def _fetch(self, package: dict[str, Any], target: Path) -> str:
        with tempfile.TemporaryDirectory() as folder:
            files = package_files(package["name"], package["version"], Path(folder))
            if "icons" in package:
                content = sprite(package, files)
            else:
                content = SOURCE_MAP.sub(b"\n", (files / package["from"]).read_bytes())
        target.write_bytes(content)
        self.stdout.write(f"{package['to']}: {len(content):,} bytes of {package['name']} {package['version']}")
        return hashlib.sha256(content).hexdigest()

    def _compare(self, target: Path, expected: str) -> None:
        if not target.is_file():
            raise CommandError(f"{target} is missing: run `manage.py vendor`.")
        if hashlib.sha256(target.read_bytes()).hexdigest() != expected:
            raise CommandError(f"{target} is not the file the manifest names: run `manage.py vendor`.")
