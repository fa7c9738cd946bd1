"""The mail that comes back in the simulated world: bounce reports, complaints and automatic replies."""

from __future__ import annotations

from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.readers import Letter

REMOTE = "mx.mail.example"
REPORT = """\
{headers}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="=report="

--=report=
Content-Type: text/plain; charset=us-ascii

{words}

--=report=
Content-Type: message/{kind}

{fields}

--=report=
Content-Type: text/rfc822-headers

{original}

--=report=--
"""
BOUNCED = """\
Reporting-MTA: dns; mx.mail.example

Final-Recipient: rfc822; {to}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected: mailbox was closed"""
COMPLAINT = """\
Feedback-Type: abuse
User-Agent: SimulatedFeedback/1.0
Version: 1
Original-Mail-From: {sender}
Original-Rcpt-To: {to}"""
AWAY = """\
{headers}
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=us-ascii

I am back on Monday.
"""


def bounce(letter: Letter, now: datetime) -> bytes:
    """A report that the mailbox behind an accepting server does not exist (RFC 3464)."""
    words = f"Your message to {letter.recipient} could not be delivered: the mailbox was closed."
    headers = _headers(letter, now, f"MAILER-DAEMON@{REMOTE}", "Undelivered mail")
    return _report(letter, headers, "delivery-status", words, BOUNCED.format(to=letter.recipient))


def complaint(letter: Letter, now: datetime) -> bytes:
    """A complaint of a recipient, as feedback loops send it (RFC 5965)."""
    words = "This is an email abuse report for an email that one of our users reported as spam."
    headers = _headers(letter, now, f"fbl@{REMOTE}", "Complaint about an email")
    fields = COMPLAINT.format(sender=letter.envelope_from, to=letter.recipient)
    return _report(letter, headers, "feedback-report", words, fields)


def away(letter: Letter, now: datetime) -> bytes:
    """An automatic reply of somebody on holiday (RFC 3834)."""
    return _wire(AWAY.format(headers=_headers(letter, now, letter.recipient, "Out of office")))


def _headers(letter: Letter, now: datetime, sender: str, subject: str) -> str:
    return (
        f"From: {sender}\nTo: {letter.envelope_from}\nSubject: {subject}\n"
        f"Date: {format_datetime(now)}\nMessage-ID: {make_msgid(domain=REMOTE)}"
    )


def _report(letter: Letter, headers: str, kind: str, words: str, fields: str) -> bytes:
    """A multipart/report (RFC 6522): words for people, fields for machines, and the headers it is about."""
    original = letter.raw.partition(b"\r\n\r\n")[0].decode(errors="replace").replace("\r\n", "\n")
    return _wire(REPORT.format(headers=headers, kind=kind, words=words, fields=fields, original=original))


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode(errors="replace")
