"""Which messages the sources hold, found by reading the code as code and the templates as Django reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from settings.catalogues import Key

# For each function, where among its arguments the context, the message and the plural are.
FUNCTIONS = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
_CALL = re.compile(rf"\b({'|'.join(FUNCTIONS)})\(")
SKIPPED = {"var", "tests", "bench", "migrations", "node_modules"}


def messages(root: Path) -> dict[Key, list[str]]:
    """Every message of the project and the files it is in, in the order of the files."""
    found: dict[Key, list[str]] = {}
    for path in _sources(root):
        name = str(path.relative_to(root))
        for key in (_in_code if path.suffix == ".py" else _in_template)(path):
            files = found.setdefault(key, [])
            if name not in files:
                files.append(name)
    return found


def _sources(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in root.walk():
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        template = "templates" in folder.relative_to(root).parts
        found += [
            folder / name for name in files if name.endswith(".py") or (template and name.endswith((".html", ".txt")))
        ]
    return sorted(found)


def _in_code(path: Path) -> Iterator[Key]:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        key = _key(call)
        if key is not None:
            yield key


def _in_template(path: Path) -> Iterator[Key]:
    # Django turns a template into lines that hold the same calls as code, and blanks out the rest.
    text = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    for match in _CALL.finditer(text):
        call = _call_at(text, match.start())
        key = _key(call) if call else None
        if key is not None:
            yield key


def _call_at(text: str, start: int) -> ast.Call | None:
    """The call that begins there: up to the first closing bracket that makes it whole."""
    end = start
    while (end := text.find(")", end) + 1) > 0:
        try:
            node = ast.parse(text[start:end], mode="eval").body
        except SyntaxError:
            continue
        return node if isinstance(node, ast.Call) else None
    return None


def _key(call: ast.Call) -> Key | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in FUNCTIONS:
        return None
    texts = [arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else "" for arg in call.args]
    context, message, plural = (texts[at] if at is not None and at < len(texts) else "" for at in FUNCTIONS[name])
    return Key(message, plural, context) if message else None
