from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from settings import catalogues, extraction
from settings.catalogues import Entry, Key

HEADER = """Project-Id-Version: Live Feeds
Language: {language}
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
Plural-Forms: {plural}
"""
# Of the languages we have; gettext's own words.
PLURAL = {"pt_BR": (2, "nplurals=2; plural=(n > 1);")}
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


class Command(BaseCommand):
    help = "Bring the catalogues of translations up to date with the sources and compile them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail where something is missing")
        parser.add_argument("--compile", action="store_true", help="only compile the catalogues that are there")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compile"]:
            for folder in settings.LOCALE_PATHS:
                catalogues.compile_all(folder)
            return
        wanted = extraction.messages(settings.BASE_DIR)
        problems: list[str] = []
        for language in PLURAL:
            path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"
            old = {entry.key: entry for entry in catalogues.read(path)} if path.exists() else {}
            if options["check"]:
                problems += [f"{path}: {problem}" for problem in wrong(old, set(wanted))]
            else:
                self._update(path, language, old, wanted)
        if problems:
            raise CommandError("\n".join([*problems, "Run make messages, then translate what is empty."]))
        if options["check"]:
            self.stdout.write(f"{len(wanted)} messages, all of them translated.")

    def _update(self, path: Path, language: str, old: dict[Key, Entry], wanted: dict[Key, list[str]]) -> None:
        forms, plural = PLURAL[language]
        header = HEADER.format(language=language, plural=plural)
        entries = [Entry(Key(""), [header])]
        for key, files in wanted.items():
            empty = [""] * (forms if key.plural else 1)
            kept = old.get(key)
            entries.append(Entry(key, kept.translations if kept else empty, files, fuzzy=bool(kept and kept.fuzzy)))
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogues.write(path, entries)
        catalogues.compile_one(path, path.with_suffix(".mo"))
        missing = sum(not entry.done for entry in entries)
        self.stdout.write(f"{path}: {len(entries) - 1} messages, {missing} to translate.")


def wrong(entries: dict[Key, Entry], wanted: set[Key]) -> list[str]:
    """What is wrong with a catalogue: missing, left over, untranslated, or with other placeholders than its source."""
    here = {key for key in entries if key.message}
    problems = [f"{key.message!r} is not in the catalogue." for key in sorted(wanted - here)]
    problems += [f"{key.message!r} is in no source any more." for key in sorted(here - wanted)]
    for key in sorted(here & wanted):
        entry = entries[key]
        if not entry.done:
            problems.append(f"{key.message!r} is not translated.")
        elif any(_placeholders(text) != _placeholders(key.plural or key.message) for text in entry.translations[-1:]):
            problems.append(f"{key.message!r} is translated with other placeholders.")
    return problems


def _placeholders(text: str) -> list[str]:
    return sorted(_PLACEHOLDER.findall(text))
