"""What a mail that came back says: bounces, delays, complaints, automatic replies. Pure: bytes in, a report out.

First the parts that say so by a standard, then what flufl.bounce knows, then the habits of texts (`delivery.prose`).
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from email import message_from_string
from typing import TYPE_CHECKING

from flufl.bounce import all_failures

from delivery import prose, sns_mail
from delivery.complaints import complaint
from delivery.mailparts import Headers, Part, take_apart
from delivery.reports import (
    ORIGINAL_KINDS,
    STATUS_KINDS,
    SUCCESSES,
    Kind,
    Report,
    Told,
    bare,
    groups,
    of_statuses,
    original_of,
    statuses,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# It tells each of its steps.
logging.getLogger("flufl.bounce").setLevel(logging.WARNING)
MOST_FOR_FLUFL = 60_000
MOST_TEXT = 200_000
# Of a report about more than so many, the text for people is not looked through.
MOST_COMPLETED = 50

_ROBOT = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (?:sub)?system|mailerdaemon|system administrator|mail administrator|"
    r"deliver(?:y|ies) (?:service|agent)|bounce|smtp gateway|mail ?marshal|post_master|daemon@",
    re.IGNORECASE,
)
_FIELD = re.compile(rb"^[\w-]{2,40}:", re.MULTILINE)
_SUBJECT = re.compile(
    r"undeliver|returned (?:mail|to sender)|deliver\w* (?:status|fail|error|problem|report|delay|notif|incomplete)|"
    r"(?:mail|message|e-?mail) (?:delivery|could not|not delivered|system error|status)|fail(?:ure|ed)\b.{0,12}"
    r"(?:notice|delivery|mail|to deliver)|(?:non|un)[- ]?(?:delivery|deliverable)|"
    r"(?:error|problem|trouble) (?:sending|delivering)|"
    r"(?:user|mail) unknown|warning: (?:could not|message)|not deliver|mail ?box (?:is )?full|rejected|"
    r"unzustellbar|nicht zugestellt|non remis|echec|n'a pas pu|nao entregue|n\w+o entreg|no entregad|mancato recapito|"
    r"(?:配信|配送|送信)(?:できません|不能|エラー|失敗)|エラーメール|不達|宛先不明",
    re.IGNORECASE,
)
_AUTOMATIC = re.compile(
    r"^\s*(?:re: ?)?(?:auto(?:matic|mated|matische|matica|matique)?[- :]?\s*(?:repl|respon|antwort|repon)|"
    r"auto: |out of (?:the )?office|vacation|abwesen|on (?:vacation|leave|holiday)|away from|risposta automatica|"
    r"r[eé]ponse automatique|resposta autom|respuesta autom|不在|自動(?:返信|応答)|ooo\b|automatische antwort)",
    re.IGNORECASE,
)
_TAKEN_OFF = re.compile(
    r"^\s*(?:re: ?)?(?:please )?(?:unsubscribe|remove me|opt[- ]?out|abmelden|desinscri|unsub)\b", re.IGNORECASE
)
_ANSWER = re.compile(r"\s*(?:re|aw|sv|res|rv|antw|fwd?|wg|tr|enc)\s*:", re.IGNORECASE)
_NOT_SENT = re.compile(
    r"(?:could|was|can|has|have|did|were|is|are)(?: not|n't) (?:be |been |able to )?(?:deliver|reach|sent|send|accept)|"
    r"unable to deliver|undeliver|permanent (?:error|fail|fatal)|fatal error|delivery (?:to|has|of|error|fail|attempt)|"
    r"wasn't able|we were unable|rejected|returned to (?:the )?sender|mail ?box (?:is )?full|user unknown|unknown user|"
    r"trouble delivering|no such user|invalid (?:user )?address|配信できません|送信できません|届け|不明",
    re.IGNORECASE,
)


def read(raw: bytes) -> Report:
    """What this mail reports. Never raises, and takes bounded time whatever the bytes are."""
    headers, parts = take_apart(raw)
    report = _read(headers, parts)
    if report.kind is Kind.UNKNOWN and (inner := _passed_on(parts)):
        # Somebody's server passes its own reports on in mails of its own.
        within = _read(*take_apart(inner))
        report = within if within.recipients else report
    return replace(report, headers=headers)


def _passed_on(parts: list[Part]) -> bytes:
    """A report that is inside of another mail, or b"" """
    for part in parts[:5]:
        body = part.body[:MOST_FOR_FLUFL]
        at = body.lower().find(b"multipart/report")
        start = body.rfind(b"\n\n", 0, max(at, 0)) + 1
        if at > 0 and (field := _FIELD.search(body, start, at)):
            return body[field.start() :]
    return b""


def _read(headers: Headers, parts: list[Part]) -> Report:
    readers: tuple[Callable[[Headers, list[Part]], Report | None], ...] = (
        complaint, delivery_report, receipt, sns_mail.notice, written,
    )  # fmt: skip
    for reader in readers:
        found = reader(headers, parts)
        if found is not None:
            return found
    return _other(headers, parts)


def delivery_report(headers: Headers, parts: list[Part]) -> Report | None:
    """RFC 3464. Where a recipient's own answer is missing, what the text for people says of it."""
    fields = [group for part in parts if part.kind in STATUS_KINDS for group in groups(part.text)]
    told = statuses(fields)
    if not told:
        return None
    lines, original = prose.cut(text_of(parts))
    told = _completed(_distinct(told), lines)
    envelope_id = next((group["original-envelope-id"] for group in fields if "original-envelope-id" in group), "")
    return Report(
        of_statuses(told), "rfc3464", tuple(told), original_of(parts) or original, envelope_id, text="\n".join(lines)
    )


def receipt(_headers: Headers, parts: list[Part]) -> Report | None:
    """RFC 8098: somebody's program says that it displayed or deleted the email."""
    for part in parts:
        if part.kind in ("message/disposition-notification", "message/global-disposition-notification"):
            fields = groups(part.text)
            address = next((bare(found["final-recipient"]) for found in fields if "final-recipient" in found), "")
            told = (Told(address, "delivered"),) if address else ()
            return Report(Kind.RECEIPT, "rfc8098", told, original_of(parts), text=text_of(parts))
    return None


def written(headers: Headers, parts: list[Part]) -> Report | None:
    """A report in words alone. None where this mail is no report."""
    text = text_of(parts)
    lines, below = prose.cut(text)
    failed = [bare(one) for value in headers.every("x-failed-recipients") for one in value.split(",")]
    failed = [one for one in failed if one]
    if not failed and not _is_report(headers, parts, lines):
        return None
    original = original_of(parts) or below
    own = {bare(one) for one in headers.every("to", "delivered-to", "x-original-to", "from", "reply-to")} - set(failed)
    by = "x-failed-recipients" if failed else "text"
    told = _completed(_distinct(statuses(groups("\n".join(lines)))), lines)
    if not told:
        if not failed:
            failed = known_to_flufl(headers, lines, own)
            by = "flufl.bounce" if failed else by
        told = prose.Text(lines).recipients(failed, own, more=by == "flufl.bounce")
    if not told:
        told = _addressed(original, lines)
    if not told:
        return None
    return Report(of_statuses(told), by, tuple(told), original, text="\n".join(lines))


def known_to_flufl(headers: Headers, lines: list[str], own: set[str]) -> list[str]:
    """Whom flufl.bounce takes for failed: it knows many programs by their phrases."""
    kept = ("from", "subject", "to", "content-type", "x-failed-recipients", "received")
    head = "".join(
        f"{name}: {' '.join(value.split())}\n" for name, value in headers.fields[:50]
        if name in kept and not (name == "content-type" and "multipart" in value.lower())
    )  # fmt: skip
    text = (head + "\n" + "\n".join(lines))[:MOST_FOR_FLUFL]
    try:
        found = all_failures(message_from_string(text))
    except Exception:  # noqa: BLE001  # it was written for mail that is well-formed
        return []
    both = (one for group in found for one in group)
    names = {bare(one.decode("utf-8", errors="replace")) for one in both}
    return sorted(name for name in names if name and name not in own)


def text_of(parts: list[Part]) -> str:
    """What the mail says to people: its texts up to the mail that was returned."""
    texts: list[str] = []
    for part in parts:
        if part.kind in ORIGINAL_KINDS:
            break
        if part.kind in ("text/plain", "text/html", "text", "") and not (
            part.inside == "multipart/alternative" and texts and part.kind == "text/html"
        ):
            texts.append(part.text)
    return "\n".join(texts)[:MOST_TEXT]


def _is_report(headers: Headers, parts: list[Part], lines: list[str]) -> bool:
    """Whether a mail without any mark of a standard is about a mail that could not be delivered."""
    subject = headers.first("subject")
    if _AUTOMATIC.search(subject):
        return False
    robot = bool(_ROBOT.search(headers.first("from"))) or headers.first("return-path").strip() == "<>"
    # People answer reports, and quote them.
    named = bool(_SUBJECT.search(subject)) and (robot or not _ANSWER.match(subject))
    said = any(_NOT_SENT.search(line) for line in lines)
    return (robot and (named or said)) or (named and said)


def _completed(told: list[Told], lines: list[str]) -> list[Told]:
    """With what the text for people says, where the fields alone do not tell why, or at which command."""
    text, names = prose.Text(lines), [one.address for one in told]
    return [
        _complete(one, text, names) if one.action not in SUCCESSES else one for one in told[:MOST_COMPLETED]
    ] + told[MOST_COMPLETED:]


def _complete(told: Told, text: prose.Text, names: list[str]) -> Told:
    alone = len(names) == 1
    told = replace(told, stage=prose.stage(text.lines if alone else text.about(told.address, names), told.diagnostic))
    if told.diagnostic and told.judgement.why is not None:
        return told
    _status, words, stage = text.said(told.address, names)
    better = replace(told, diagnostic=words, stage=stage)
    return better if words and better.judgement.why is not None else told


def _distinct(told: list[Told]) -> list[Told]:
    """One per recipient: what is said last counts, as with a delay that ends in a failure."""
    return list({one.address: one for one in told}.values())


def _addressed(original: Headers, lines: list[str]) -> list[Told]:
    """The one whom the returned mail was for, where the report names nobody."""
    names = [bare(value) for value in original.every("to", "x-rcpt-to", "x-actual-recipient")]
    names = [name for name in names if name]
    return prose.Text(lines).recipients(names[:1], set()) if len(set(names)) == 1 else []


def _other(headers: Headers, parts: list[Part]) -> Report:
    """What is no report: an automatic reply, a wish to get no more mail, or anything else."""
    text = text_of(parts)[:20_000]
    subject = headers.first("subject")
    sender = bare(headers.first("from"))
    told = (Told(sender, "delivered"),) if sender else ()
    automatic = headers.first("auto-submitted").strip().lower()
    if (
        automatic.startswith(("auto-replied", "auto-generated", "auto-notified"))
        or headers.every(
            "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation", "x-apple-action"
        )
        or headers.first("precedence").strip().lower() in ("auto_reply", "auto-reply")
        or _AUTOMATIC.search(subject)
    ):
        return Report(Kind.AUTO_REPLY, "rfc3834", told, answered(headers), text=text)
    if _TAKEN_OFF.search(subject):
        return Report(Kind.UNSUBSCRIBE, "subject", told, answered(headers), text=text)
    return Report(Kind.UNKNOWN, "", (), original_of(parts), text=text)


def answered(headers: Headers) -> Headers:
    """What an answer says of the mail it answers: its Message-ID."""
    ids = [value for name in ("in-reply-to", "references") for value in headers.every(name)]
    return Headers((("message-id", ids[0].split()[-1]),)) if ids and ids[0].split() else Headers()
