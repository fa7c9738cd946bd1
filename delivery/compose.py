"""From what was handed in to what is sent: one email of a message, whole but for tracking and the signature.

What all emails of a message share (files, texts nobody is named in) is encoded once and remembered.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from delivery import mime, resolver, tokens
from delivery.models import Message, Origin, Outgoing, SenderDomain
from delivery.naming import header_id
from delivery.personalise import fill, fill_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

type People = list[tuple[str, str]]

# Written by us, or read by us and not passed on.
RESERVED = frozenset({
    "from", "to", "cc", "bcc", "subject", "date", "message-id", "sender", "return-path", "received", "mime-version",
    "dkim-signature", "reply-to", "feedback-id", "x-apiheader", "x-tags", "authentication-results", "resent-bcc",
    "resent-from", "resent-to", "resent-cc",
})  # fmt: skip
HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
LONGEST_HEADER = 4000
# The one placeholder that tracking fills, later.
UNSUBSCRIBE = {name: f"[%{name}%]" for name in ("unsubscribe", "UNSUBSCRIBE", "Unsubscribe")}
ORIGINS = {Origin.API: "api", Origin.SMTP: "smtp", Origin.PAGE: "page"}
# Texts and files of the last messages are remembered up to this size, in each process.
REMEMBERED_BYTES = 64 * 1024 * 1024


class ContentGone(Exception):
    """The texts of this message are not kept any more, so it cannot be sent again."""


def refusal(name: str, value: str) -> str:
    """Why a header of the caller's own is not taken, as a sentence; "" where it is."""
    if not HEADER_NAME.fullmatch(name):
        return _("“%(name)s” is not the name of a header.") % {"name": name[:80]}
    if name.lower() in RESERVED or name.lower().startswith("content-"):
        return _("The header %(name)s is written by Live Feeds and cannot be set.") % {"name": name}
    if "\r" in value or "\n" in value or "\0" in value:
        return _("The header %(name)s must be a single line.") % {"name": name}
    if len(value) > LONGEST_HEADER:
        return _("The header %(name)s is too long.") % {"name": name}
    return ""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Mail:
    """One email, ready to be changed by tracking and then turned into bytes.

    Addresses of the envelope have their domains in ASCII. `message_id` and `recipient` never change; `html`, `text`,
    `subject` and `headers` may, until `as_bytes` is called.
    """

    email_id: int
    message_id: str
    sender: str
    sender_name: str
    envelope_from: str
    recipient: str
    to: People
    cc: People
    reply_to: str
    subject: str
    date: datetime
    feedback_id: str
    html: str | None
    text: str | None
    amp: str | None
    headers: dict[str, str]
    frame: Frame = field(repr=False)
    # The whole message once it is signed: what is sent. Nothing may be changed after that.
    signed: bytes = field(default=b"", repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it."""
        addresses = (self.envelope_from, self.recipient, self.sender, self.reply_to)
        people = (mime.wire_address(address) for _name, address in (*self.to, *self.cc))
        return not all(map(str.isascii, addresses)) or not all(map(str.isascii, people))

    @property
    def files(self) -> Sequence[File]:
        return self.frame.files

    def head(self) -> str:
        """The header but for what the body needs."""
        lines = [
            mime.mailboxes("From", [(self.sender_name, self.sender)]),
            mime.mailboxes("To", self.to) or ("" if self.cc else "To: undisclosed-recipients:;\r\n"),
            mime.mailboxes("Cc", self.cc),
            mime.mailboxes("Reply-To", [("", self.reply_to)]) if self.reply_to else "",
            mime.header("Subject", self.subject),
            f"Date: {format_datetime(self.date)}\r\n",
            f"Message-ID: <{self.message_id}>\r\n",
            f"Feedback-ID: {self.feedback_id}\r\n" if self.feedback_id else "",
        ]
        lines += [mime.header(name, value) for name, value in self.headers.items()]
        return "".join(lines)

    def as_bytes(self) -> bytes:
        """The message as it goes over the wire: lines of at most 998 bytes that end with CRLF, 7 bits in the body."""
        return self.head().encode() + b"MIME-Version: 1.0\r\n" + self.frame.body(self.text, self.amp, self.html)


class Frame:
    """What the emails of a message have in common: their texts as they were given, and the files, encoded."""

    def __init__(self, parts: Mapping[str, object], files: Sequence[File], seed: str) -> None:
        self.html, self.text, self.amp = (_given(parts, name) for name in ("html", "text", "amp"))
        self.files = files
        # The encodings used here never hold "=_", so a boundary cannot occur in a body.
        self.mixed, self.alternative = f"=_m{seed}".encode(), f"=_a{seed}".encode()
        self.encoded: dict[str, bytes] = {}
        self._files = b"".join(
            b"\r\n--%s\r\n%s" % (self.mixed, mime.file_part(file.name, file.content_type, file.content, self._id(file)))
            for file in files
        )

    def _id(self, file: File) -> str:
        """By which the HTML shows this picture, where it does."""
        plain = re.fullmatch(r"[\w.@+-]+", file.name, re.ASCII)
        return file.name if plain and self.html and f"cid:{file.name}" in self.html else ""

    @property
    def size(self) -> int:
        texts = sum(len(text) for text in (self.html, self.text, self.amp) if text)
        return 1000 + 2 * texts + len(self._files) + sum(len(file.content) for file in self.files)

    def body(self, text: str | None, amp: str | None, html: str | None) -> bytes:
        """From the header Content-Type to the end. Clients show the last form they can, so HTML comes last."""
        found = [
            self._part(name, kind, content)
            for name, kind, content in (("text", "text/plain", text), ("amp", "text/x-amp-html", amp),
                                        ("html", "text/html", html))
            if content is not None
        ]  # fmt: skip
        whole = found[0] if len(found) == 1 else self._alternatives(found) if found else mime.part("text/plain", "")
        if not self.files:
            return whole + b"\r\n"
        head = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n' % (self.mixed, self.mixed)
        return b"%s%s%s\r\n--%s--\r\n" % (head, whole, self._files, self.mixed)

    def _alternatives(self, parts: Sequence[bytes]) -> bytes:
        head = b'Content-Type: multipart/alternative; boundary="%s"\r\n' % self.alternative
        inner = b"".join(b"\r\n--%s\r\n%s" % (self.alternative, part) for part in parts)
        return b"%s%s\r\n--%s--" % (head, inner, self.alternative)

    def _part(self, name: str, content_type: str, content: str) -> bytes:
        if content is not getattr(self, name):
            return mime.part(content_type, content)
        if name not in self.encoded:
            self.encoded[name] = mime.part(content_type, content)
        return self.encoded[name]


def _given(parts: Mapping[str, object], name: str) -> str | None:
    value = parts.get(name)
    return value if isinstance(value, str) and value else None


class Remembered[F: "Frame"]:
    """The frames of the last messages, up to a size. Shared by the threads of a process."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._frames: OrderedDict[tuple[int, int], tuple[F, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> F | None:
        with self._lock:
            found = self._frames.get(key)
            if found is None:
                return None
            self._frames.move_to_end(key)
            return found[0]

    def put(self, key: tuple[int, int], frame: F) -> None:
        size = frame.size
        with self._lock:
            if key in self._frames:
                return
            self._frames[key] = frame, size
            self._size += size
            while self._size > self._limit and len(self._frames) > 1:
                _key, (_frame, gone) = self._frames.popitem(last=False)
                self._size -= gone

    def clear(self) -> None:
        with self._lock:
            self._frames.clear()
            self._size = 0


_frames: Remembered[Frame] = Remembered(REMEMBERED_BYTES)


def forget() -> None:
    """Let go of all of them, for who measures composing."""
    _frames.clear()


def _frame(message: Message, group: int) -> Frame:
    key = (message.id, group)
    frame = _frames.get(key)
    if frame is None:
        files = [
            File(file.name, file.content_type, bytes(file.content))
            for file in message.attachments.all()
            if file.recipient_group in (None, group)
        ]
        frame = Frame(message.parts or {}, files, message.uid[:24])
        _frames.put(key, frame)
    return frame


def compose(message: Message, outgoing: Outgoing, domain: SenderDomain | None) -> Mail:
    """The email to one recipient. Raises ContentGone.

    One query for the files of a message that was not seen lately; none where `attachments` is prefetched.
    """
    if message.raw is not None:
        from delivery.raw import compose_raw

        return compose_raw(message, outgoing, return_address(message, outgoing.email_id, domain))
    if message.parts is None:
        raise ContentGone(_("The content of this email is not kept any more."))
    frame = _frame(message, outgoing.recipient_group)
    own = dict(outgoing.headers or {})
    sender = mime.wire_address(message.sender)
    attributes = UNSUBSCRIBE | (outgoing.attributes or {})
    to, cc = addressed(outgoing)
    return Mail(
        email_id=outgoing.email_id,
        message_id=message_id_of(message, outgoing, sender),
        sender=sender,
        sender_name=message.sender_name,
        envelope_from=return_address(message, outgoing.email_id, domain),
        recipient=mime.wire_address(outgoing.recipient),
        to=to,
        cc=cc,
        reply_to=_given(message.parts, "reply_to") or "",
        subject=fill(message.subject, outgoing.attributes),
        date=date_of(outgoing),
        feedback_id=feedback_id(message, sender),
        html=fill(frame.html, attributes) if frame.html else None,
        text=fill(frame.text, attributes) if frame.text else None,
        amp=fill(frame.amp, attributes) if frame.amp else None,
        headers=_own_headers(outgoing.attributes, message.parts.get("headers"), own),
        frame=frame,
    )


def message_id_of(message: Message, outgoing: Outgoing, sender: str) -> str:
    uid = getattr(outgoing, "message_uid", "") or message.uid
    return header_id(uid, outgoing.recipient, sender.rpartition("@")[2])


def date_of(outgoing: Outgoing) -> datetime:
    """When it was to go out: what was scheduled carries that time, what is tried again that of its acceptance."""
    return outgoing.accepted_at if outgoing.attempts else outgoing.next_attempt_at


def addressed(outgoing: Outgoing) -> tuple[People, People]:
    """Who stands in To and Cc: as it was asked for, or the recipient alone."""
    given = outgoing.addressed
    if given is None:
        return [(outgoing.recipient_name, outgoing.recipient)], []
    return _people(given.get("to")), _people(given.get("cc"))


def _people(pairs: Iterable[Sequence[str]] | None) -> People:
    return [(str(name or ""), str(address)) for name, address in pairs or ()]


def _own_headers(attributes: Mapping[str, str] | None, *given: object) -> dict[str, str]:
    """The caller's own headers, filled in; the later ones win. What is not ours to pass on was refused at the door."""
    found: dict[str, tuple[str, str]] = {}
    for headers in given:
        if isinstance(headers, dict):
            for name, value in headers.items():
                if not refusal(str(name), str(value)):
                    found[str(name).lower()] = str(name), fill_header(str(value), attributes)[:LONGEST_HEADER]
    return dict(found.values())


def feedback_id(message: Message, sender: str) -> str:
    return tokens.feedback_id(message.account_id, ORIGINS.get(Origin(message.origin), "api"), sender.rpartition("@")[2])


def return_domain(domain: SenderDomain | None) -> str:
    """The domain at which mail about this domain's mail comes back here; "" where there is none.

    The domain's own return path, unless DNS was found to lead elsewhere; then the installation's. Where settings say
    where its mail goes, DNS does not matter.
    """
    if domain is not None and domain.return_path:
        finding = domain.checks.get("return_path", {})
        if finding.get("ok", True) or finding.get("why") == "silent" or resolver.route_of(domain.return_path):
            return domain.return_path
    return str(settings.RETURN_PATH_DOMAIN)


def return_address(message: Message, email_id: int, domain: SenderDomain | None) -> str:
    """Where reports about this email come back to; without a return path the sender, who then gets them."""
    place = return_domain(domain)
    return tokens.return_path(email_id, place) if place else mime.wire_address(message.sender)
