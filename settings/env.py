"""Typed reading of the environment: NAME, or the content of the file that NAME_FILE names.

Every wrong variable is collected, so that one start tells all of them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


class Env:
    """Reads variables and remembers what was wrong with them; `finish` tells it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The value without blanks around it; an empty one counts as unset."""
        value = self.environ.get(name, "").strip()
        file = self.environ.get(f"{name}_FILE", "").strip()
        if value and file:
            self.problems.append(f"{name} and {name}_FILE are both set: unset one of them.")
        elif file:
            value = self._content(name, Path(file))
        return value or default

    def _content(self, name: str, path: Path) -> str:
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self.problems.append(f"{name}_FILE names {path}, which cannot be read: {reason}.")
            return ""
        if not value:
            self.problems.append(f"{name}_FILE names {path}, which is empty: put the value into it.")
        return value

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`, both included."""
        text = self.text(name)
        if not text:
            return default
        if text.isdecimal() and text.isascii() and least <= int(text) <= most:
            return int(text)
        self.problems.append(f"{name} is {text!r}: use a whole number from {least} to {most}.")
        return default

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name).lower()
        if text in YES or text in NO:
            return text in YES
        if text:
            self.problems.append(f"{name} is {text!r}: use true or false.")
        return default

    def words(self, name: str, default: list[str]) -> list[str]:
        """Values separated by commas."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text in allowed:
            return text
        self.problems.append(f"{name} is {text!r}: use {' or '.join(allowed)}.")
        return default

    def parsed[T](self, name: str, text: str, parse: Callable[[str], T], fallback: T) -> T:
        """`parse(text)`; the words of its ValueError become the problem with `name`."""
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"{name} {error}")
            return fallback

    def kept_secret(self, name: str, path: Path) -> str:
        """The secret, or one generated at the first start and kept at `path` for its owner alone."""
        value = self.text(name)
        if value:
            return value
        try:
            return _kept(path)
        except OSError as error:
            self.problems.append(
                f"LIVEFEEDS_HOME is {path.parent}, where nothing can be written ({error.strerror}): "
                "set it to a folder that belongs to you."
            )
            return "unusable"

    def finish(self) -> None:
        """Raises ImproperlyConfigured with a sentence for each wrong variable."""
        if self.problems:
            raise ImproperlyConfigured("\n".join(self.problems))


def _kept(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            # A link appears whole and never replaces: web and worker starting together agree on one key.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()
