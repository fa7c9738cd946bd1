"""Messages that come whole, as SMTP brings them. Their bytes are kept but for the headers that are ours to write, and
for the texts where tracking changed them."""

from __future__ import annotations

import re
import secrets
import threading
from email import policy
from email.generator import BytesGenerator
from email.message import Message as Parsed
from email.parser import BytesParser, HeaderParser
from email.utils import format_datetime, parseaddr
from io import BytesIO
from typing import TYPE_CHECKING, Any

from delivery import mime
from delivery.compose import REMEMBERED_BYTES, Frame, Mail, Remembered, addressed, date_of, feedback_id, message_id_of

if TYPE_CHECKING:
    from delivery.models import Message, Outgoing

# Never passed on: what is between the sender and us, and what another server would take for its own.
STRIPPED = frozenset({b"bcc", b"resent-bcc", b"return-path", b"x-apiheader", b"x-tags", b"feedback-id"})
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
BARE_LF = re.compile(rb"(?<!\r)\n|\r(?!\n)")
LONGEST_LINE = 998
FLAT = policy.compat32.clone(linesep="\r\n")


class RawFrame(Frame):
    """A whole message: the fields of its header, its body, and on demand the texts in it."""

    def __init__(self, raw: bytes) -> None:
        super().__init__({}, [], "")
        raw = BARE_LF.sub(b"\r\n", raw)
        self.fields, self.rest = self._split(raw)
        self.subject = _decoded(self.value(b"subject"))
        self.sender_name = parseaddr(_decoded(self.value(b"from")))[0]
        self.message_id = self.value(b"message-id").decode(errors="replace").strip().strip("<>")
        self.utf8 = not all(content.isascii() for _name, content in self.fields)
        # Servers may refuse what has longer lines (RFC 5321, 4.5.3.1.6), or break them, and the signature with them.
        self.too_long = len(max(self.rest.split(b"\r\n"), key=len)) > LONGEST_LINE
        self._raw = raw
        self._texts: tuple[str | None, str | None] | None = None
        self._pieces: list[bytes | str] | None = None
        self._leaves: dict[str, Parsed] = {}
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return 1000 + 3 * len(self.rest)

    @staticmethod
    def _split(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """The fields of the header by their lower-case names, as they are, and all that stands behind it."""
        fields, at = [], 0
        while match := FIELD.match(raw, at):
            fields.append((match[1].lower(), match[0]))
            at = match.end()
        rest = raw[at:]
        return fields, rest.removeprefix(b"\r\n") if rest.startswith(b"\r\n") else rest

    def value(self, name: bytes) -> bytes:
        """The first field of this name, unfolded; b"" without one."""
        content = next((content for known, content in self.fields if known == name), b"")
        return content.partition(b":")[2].replace(b"\r\n", b"").strip()

    # ---- The texts in it ----------------------------------------------------------------------------------

    def texts(self) -> tuple[str | None, str | None]:
        """The HTML and the plain text that people are shown; None where there is none, or it must not be changed."""
        with self._lock:
            return self._texts_once()

    def _texts_once(self) -> tuple[str | None, str | None]:
        if self._texts is None:
            self._leaves = self._find(BytesParser(policy=policy.compat32).parsebytes(self._raw))
            html, text = (self._read(self._leaves.get(kind)) for kind in ("text/html", "text/plain"))
            self._texts = html, text
        return self._texts

    @staticmethod
    def _find(parsed: Parsed) -> dict[str, Parsed]:
        if any(part.get_content_type() in ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime")
               for part in parsed.walk()):  # fmt: skip
            return {}
        found: dict[str, Parsed] = {"": parsed}
        waiting = [parsed]
        while waiting:
            part = waiting.pop(0)
            if part.get_content_maintype() == "multipart" and part.is_multipart():
                waiting += part.get_payload()  # type: ignore[arg-type]
            elif part.get_content_disposition() != "attachment" and not part.is_multipart():
                found.setdefault(part.get_content_type(), part)
        return found

    @staticmethod
    def _read(leaf: Parsed | None) -> str | None:
        if leaf is None:
            return None
        payload: Any = leaf.get_payload(decode=True)
        try:
            return str(payload.decode(leaf.get_content_charset("utf-8"))).replace("\r\n", "\n")
        except (LookupError, ValueError, AttributeError):
            return None

    def with_texts(self, html: str | None, text: str | None) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Header and body with these texts in the place of its own."""
        with self._lock:
            pieces = self._pieces = self._pieces or self._cut()
        self.texts()
        given = {"text/html": html, "text/plain": text}
        whole = b"".join(
            piece if isinstance(piece, bytes) else mime.quoted_printable(_crlf(given[piece] or "")) for piece in pieces
        )
        return self._split(whole)

    def _cut(self) -> list[bytes | str]:
        """Flatten it with marks where the texts stand, and cut it there."""
        marks: dict[bytes, str] = {}
        for kind in ("text/html", "text/plain"):
            leaf = self._leaves.get(kind)
            if leaf is not None and self._read(leaf) is not None:
                mark = f"lf{secrets.token_hex(16)}"
                marks[mark.encode()] = kind
                leaf.set_param("charset", "utf-8")
                del leaf["Content-Transfer-Encoding"]
                leaf["Content-Transfer-Encoding"] = "quoted-printable"
                leaf.set_payload(mark)
        flat = BytesIO()
        BytesGenerator(flat, mangle_from_=False, maxheaderlen=0, policy=FLAT).flatten(self._leaves[""])
        cut = re.split(b"(" + b"|".join(marks) + b")", flat.getvalue())
        return [marks.get(piece, piece) for piece in cut]


def _decoded(value: bytes) -> str:
    """A field as people read it."""
    text = value.decode(errors="replace")
    if "=?" not in text:
        return text
    try:
        return str(HeaderParser(policy=policy.default).parsestr(f"Subject: {text}\n\n")["Subject"])
    except (ValueError, LookupError, IndexError):
        return text


def _crlf(text: str) -> bytes:
    return mime.NEWLINES.sub(b"\r\n", text.encode(errors="replace"))


class RawMail(Mail):
    """An email of a message that came whole. Its texts are looked for only when somebody asks."""

    frame: RawFrame

    def __getattr__(self, name: str) -> Any:
        if name not in ("html", "text"):
            raise AttributeError(name)
        self.html, self.text = self.frame.texts()
        return getattr(self, name)

    @property
    def needs_utf8(self) -> bool:
        return self.frame.utf8 or not (self.recipient + self.envelope_from).isascii()

    def as_bytes(self) -> bytes:
        """Its own bytes, with our headers in front and the changed texts in their places."""
        fields, rest = self.frame.fields, self.frame.rest
        if self.frame.too_long or (self.frame._texts is not None and (self.html, self.text) != self.frame._texts):
            fields, rest = self.frame.with_texts(self.html, self.text)
        ours = {name.lower().encode() for name in self.headers}
        known = {name for name, _content in fields}
        head = "".join(mime.header(name, value) for name, value in self.headers.items())
        if b"date" not in known:
            head += f"Date: {format_datetime(self.date)}\r\n"
        if b"message-id" not in known:
            head += f"Message-ID: <{self.message_id}>\r\n"
        if self.feedback_id:
            head += f"Feedback-ID: {self.feedback_id}\r\n"
        # Whom it passed stands before all that was added later (RFC 5321, 4.4).
        passed = b"".join(content for name, content in fields if name == b"received")
        left_out = {b"received", *STRIPPED, *ours}
        kept = b"".join(content for name, content in fields if name not in left_out)
        rest = rest if rest.endswith(b"\r\n") else rest + b"\r\n"
        return b"%s%s%s\r\n%s" % (passed, head.encode(), kept, rest)


_frames: Remembered[RawFrame] = Remembered(REMEMBERED_BYTES)


def compose_raw(message: Message, outgoing: Outgoing, envelope_from: str) -> Mail:
    """The email to one recipient of a message that came whole."""
    frame = _frames.get((message.id, 0))
    if frame is None:
        frame = RawFrame(bytes(message.raw or b""))
        _frames.put((message.id, 0), frame)
    sender = mime.wire_address(message.sender)
    to, cc = addressed(outgoing)
    mail = RawMail(
        email_id=outgoing.email_id,
        message_id=frame.message_id or message_id_of(message, outgoing, sender),
        sender=sender,
        sender_name=message.sender_name or frame.sender_name,
        envelope_from=envelope_from,
        recipient=mime.wire_address(outgoing.recipient),
        to=to,
        cc=cc,
        reply_to="",
        subject=message.subject or frame.subject,
        date=date_of(outgoing),
        feedback_id=feedback_id(message, sender),
        html=None,
        text=None,
        amp=None,
        headers={},
        frame=frame,
    )
    # Left open until somebody asks: most messages are never looked into.
    del mail.html, mail.text
    return mail
