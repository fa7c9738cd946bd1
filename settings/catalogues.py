"""Catalogues of translations without the gettext programs: reading and writing .po, compiling to .mo.

The .po files are gettext's own format, so every translator's program opens them. The .mo files are made where they
are needed and never kept in the repository.
"""

from __future__ import annotations

import ast
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

# Between a context and its message, and between the forms of a plural, as gettext lays them down.
CONTEXT_END = "\x04"
FORM_END = "\x00"
MAGIC = 0x950412DE


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is looked up: the message in the source, its plural form or "", its context or ""."""

    message: str
    plural: str = ""
    context: str = ""


@dataclass(slots=True)
class Entry:
    """One message and its translations: one, or as many as the language has plural forms."""

    key: Key
    translations: list[str] = field(default_factory=lambda: [""])
    files: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def done(self) -> bool:
        return not self.fuzzy and all(self.translations)


def read(path: Path) -> list[Entry]:
    """The entries of a .po file, its header (the entry of the empty message) first. Obsolete ones are left out."""
    entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry = _entry(block)
        if entry is not None:
            entries.append(entry)
    return entries


def _entry(block: str) -> Entry | None:
    texts: dict[str, str] = {}
    files: list[str] = []
    fuzzy = False
    last = ""
    for line in block.splitlines():
        if line.startswith("#:"):
            files += line[2:].split()
        elif line.startswith("#,"):
            fuzzy = fuzzy or "fuzzy" in line
        elif line.startswith('"'):
            texts[last] += ast.literal_eval(line)
        elif line and not line.startswith("#"):
            last, _blank, text = line.partition(" ")
            texts[last] = ast.literal_eval(text.strip())
    if "msgid" not in texts:
        return None
    key = Key(texts["msgid"], texts.get("msgid_plural", ""), texts.get("msgctxt", ""))
    forms = [text for name, text in sorted(texts.items()) if name.startswith("msgstr")]
    return Entry(key, forms, files, fuzzy)


def write(path: Path, entries: list[Entry]) -> None:
    """Write a .po file with the entries in the order given."""
    path.write_text("\n".join(_block(entry) for entry in entries), encoding="utf-8")


def _block(entry: Entry) -> str:
    lines = [f"#: {file}" for file in entry.files]
    flags = [*(["fuzzy"] if entry.fuzzy else []), *(["python-format"] if "%(" in entry.key.message else [])]
    if flags:
        lines.append(f"#, {', '.join(flags)}")
    if entry.key.context:
        lines.append(f"msgctxt {_quoted(entry.key.context)}")
    lines.append(f"msgid {_quoted(entry.key.message)}")
    if entry.key.plural:
        lines.append(f"msgid_plural {_quoted(entry.key.plural)}")
        lines += [f"msgstr[{n}] {_quoted(text)}" for n, text in enumerate(entry.translations)]
    else:
        lines.append(f"msgstr {_quoted(entry.translations[0])}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    def one(part: str) -> str:
        escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
        return f'"{escaped}"'

    parts = text.splitlines(keepends=True)
    return one(text) if len(parts) < 2 else "\n".join(['""', *map(one, parts)])


def compiled(entries: list[Entry]) -> bytes:
    """The .mo form of the entries that are translated."""
    texts: dict[bytes, bytes] = {}
    for entry in entries:
        if entry.done:
            key = entry.key
            name = f"{key.context}{CONTEXT_END}" if key.context else ""
            name += f"{key.message}{FORM_END}{key.plural}" if key.plural else key.message
            texts[name.encode()] = FORM_END.join(entry.translations).encode()
    # A header of seven numbers, a table of (length, offset) for each side, then the texts; sorted, as readers rely on.
    pairs = sorted(texts.items())
    offset = 7 * 4 + 2 * 8 * len(pairs)
    tables, data = [b"", b""], b""
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<II", len(pair[side]), offset + len(data))
            data += pair[side] + b"\0"
    head = struct.pack("<7I", MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, offset)
    return head + tables[0] + tables[1] + data


def compile_all(folder: Path) -> None:
    """Compile every .po below `folder` that changed since; raises OSError where the result cannot be written."""
    for source in folder.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns == source.stat().st_mtime_ns:
            continue
        compile_one(source, target)


def compile_one(source: Path, target: Path) -> None:
    """Compile one catalogue. The result gets the time of its source, which is how it is known to be the newest."""
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_bytes(compiled(read(source)))
    stat = source.stat()
    os.utime(draft, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    draft.replace(target)
