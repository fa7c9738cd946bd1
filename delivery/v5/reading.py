"""From the JSON of a request to an order.

Unset fields may be null, as the published clients send them. Fields we do not know are passed over.
"""

from __future__ import annotations

import binascii
import json
import mimetypes
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from delivery.faults import MOST_RECIPIENTS, invalid, missing, too_many
from delivery.orders import Attached, Group, Mailbox, Order, Refused
from delivery.personalise import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.orders import Fault

SWITCHES = ("footer", "click_track", "open_track", "unsubscribe_track", "hepf")
TYPES = {
    "html": "html", "text/html": "html", "text": "text", "plain": "text", "text/plain": "text", "amp": "amp",
    "text/x-amp-html": "amp",
}  # fmt: skip
SPACE = re.compile(rb"[\s]+")
LONGEST_FILE_NAME = 255


def order(body: dict[str, Any]) -> tuple[Order, bool]:
    """What the request asks for, and whether it is only to be checked. Raises Refused with all that cannot be read."""
    reader = _Reader()
    found, only_check = reader.order(body), reader.switch(body, "lint_payload", "")
    if reader.faults:
        raise Refused(reader.faults)
    return found, bool(only_check)


class _Reader:
    """Takes each field as what it must be, and notes what is something else."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    # ---- The parts ----------------------------------------------------------------------------------------

    def order(self, body: dict[str, Any]) -> Order:
        content = self.content(body)
        if body.get("template_id"):
            self.faults.append(
                invalid("template_id", _("There are no templates here. Send the text itself in content."))
            )
        return Order(
            sender=self.sender(body),
            subject=one_line(self.text(body, "subject", "")),
            reply_to=self.text(body, "reply_to", "").strip(),
            html=content.get("html", ""),
            text=content.get("text", ""),
            amp=content.get("amp", ""),
            attachments=self.attachments(body, ""),
            groups=self.groups(body),
            tags=self.tags(body),
            settings=self.settings(body),
            send_at=self.schedule(body),
            bcc=self.mailboxes(body, "bcc", ""),
        )

    def sender(self, body: dict[str, Any]) -> Mailbox:
        found = self.mapping(body, "from", "")
        return Mailbox(self.text(found, "email", "from."), one_line(self.text(found, "name", "from.")))

    def content(self, body: dict[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for path, part in self.objects(body, "content", ""):
            kind = TYPES.get(self.text(part, "type", path + ".").lower())
            if kind is None:
                self.faults.append(invalid(f"{path}.type", _("It must be html, text or amp.")))
            elif kind in found:
                self.faults.append(invalid(f"{path}.type", _("There is one of this type already.")))
            else:
                found[kind] = self.text(part, "value", path + ".")
        return found

    def groups(self, body: dict[str, Any]) -> list[Group]:
        listed = body.get("personalizations")
        if isinstance(listed, list) and len(listed) > MOST_RECIPIENTS:
            self.faults.append(too_many(len(listed)))
            return []
        return [self.group(part, path + ".") for path, part in self.objects(body, "personalizations", "")]

    def group(self, part: dict[str, Any], path: str) -> Group:
        return Group(
            to=self.mailboxes(part, "to", path),
            cc=self.mailboxes(part, "cc", path),
            bcc=self.mailboxes(part, "bcc", path),
            attributes=self.words(part, "attributes", path),
            headers={name: one_line(value) for name, value in self.words(part, "headers", path).items()},
            attachments=self.attachments(part, path),
            argument=self.token(part, "token_to", path),
            argument_cc=self.token(part, "token_cc", path),
            argument_bcc=self.token(part, "token_bcc", path),
        )

    def mailboxes(self, parent: dict[str, Any], key: str, path: str) -> list[Mailbox]:
        found = []
        for inner, part in self.objects(parent, key, path):
            address = self.text(part, "email", inner + ".")
            if not address.strip() and isinstance(part.get("email"), str | None):
                self.faults.append(missing(f"{inner}.email", _("Say which address this is.")))
            found.append(Mailbox(address, one_line(self.text(part, "name", inner + "."))))
        return found

    def attachments(self, parent: dict[str, Any], path: str) -> list[Attached]:
        found = []
        for inner, part in self.objects(parent, "attachments", path):
            name = one_line(self.text(part, "name", inner + "."))
            if not name:
                self.faults.append(missing(f"{inner}.name", _("A file needs a name.")))
            name = name.replace("\\", "/").rpartition("/")[2][-LONGEST_FILE_NAME:]
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            found.append(Attached(name, kind, self.base64(part, inner)))
        return found

    def base64(self, part: dict[str, Any], path: str) -> bytes:
        text = self.text(part, "content", path + ".")
        try:
            return binascii.a2b_base64(SPACE.sub(b"", text.encode("ascii")), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            self.faults.append(invalid(f"{path}.content", _("It must be the file in base64 (RFC 4648, section 4).")))
            return b""

    def tags(self, body: dict[str, Any]) -> list[str]:
        found = []
        for n, tag in enumerate(self.listed(body, "tags", "")):
            if isinstance(tag, str):
                found.append(one_line(tag))
            else:
                self.faults.append(invalid(f"tags[{n}]", _("It must be a text.")))
        return [tag for tag in found if tag]

    def settings(self, body: dict[str, Any]) -> dict[str, bool]:
        """The switches this request sets. An ip_pool is taken and means nothing: what leaves how is set per domain."""
        found = self.mapping(body, "settings", "")
        switches = {name: self.switch(found, name, "settings.") for name in SWITCHES}
        return {name: value for name, value in switches.items() if value is not None}

    def schedule(self, body: dict[str, Any]) -> datetime | None:
        moment = body.get("schedule")
        if not moment:
            return None
        try:
            if isinstance(moment, bool) or not isinstance(moment, int | float | str):
                raise TypeError
            return datetime.fromtimestamp(float(moment), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            self.faults.append(invalid("schedule", _("It must be a time in seconds since 1970 (Unix).")))
            return None

    # ---- Values -------------------------------------------------------------------------------------------

    def text(self, parent: dict[str, Any], key: str, path: str) -> str:
        value = parent.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.faults.append(invalid(path + key, _("It must be a text.")))
        return ""

    def token(self, parent: dict[str, Any], key: str, path: str) -> str:
        """A text; what clients put into it is mostly JSON, so an object is taken as that."""
        if isinstance(parent.get(key), dict):
            return json.dumps(parent[key], separators=(",", ":"), ensure_ascii=False)
        return self.text(parent, key, path)

    def switch(self, parent: dict[str, Any], key: str, path: str) -> bool | None:
        value = parent.get(key)
        if value is None or isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        self.faults.append(invalid(path + key, _("It must be true or false.")))
        return None

    def words(self, parent: dict[str, Any], key: str, path: str) -> dict[str, str]:
        """Names with texts; numbers are taken as they are written."""
        found = {}
        for name, value in self.mapping(parent, key, path).items():
            if isinstance(value, str | int | float | None):
                found[name] = json.dumps(value) if isinstance(value, bool) else str("" if value is None else value)
            else:
                self.faults.append(invalid(f"{path}{key}.{name}"[:300], _("It must be a text or a number.")))
        return found

    def mapping(self, parent: dict[str, Any], key: str, path: str) -> dict[str, Any]:
        value = parent.get(key)
        if value is None or value == []:  # PHP writes an empty object like this
            return {}
        if isinstance(value, dict):
            return value
        self.faults.append(invalid(path + key, _('It must be an object, as in {"name": "value"}.')))
        return {}

    def listed(self, parent: dict[str, Any], key: str, path: str) -> list[Any]:
        value = parent.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.faults.append(invalid(path + key, _("It must be a list.")))
        return []

    def objects(self, parent: dict[str, Any], key: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each object of a list, with its own path."""
        for n, value in enumerate(self.listed(parent, key, path)):
            inner = f"{path}{key}[{n}]"
            if isinstance(value, dict):
                yield inner, value
            else:
                self.faults.append(invalid(inner, _('It must be an object, as in {"name": "value"}.')))
