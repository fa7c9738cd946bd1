"""Reports that are written for people: whom a text says could not be reached, and what was answered.

Hundreds of programs write such texts. They have a few habits in common, and those are read, not the programs: an
address begins a line, or follows RCPT TO, or stands in a sentence that says that something could not be delivered; what
the server answered is beside or below it; and then comes the returned mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from delivery.mailparts import Headers, parse_header
from delivery.reports import ADDRESS, Told
from feeds.replies import enhanced_code

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LINES = 400
MOST_RECIPIENTS = 100
MOST_MENTIONS = 2000
MOST_SAID = 1500
LONGEST_LINE = 1000
# So few letters are no answer.
SHORT = 12
SURE, COMMANDED, ADDRESSED, MENTIONED = 4, 3, 2, 1

# From here on it is the mail that was returned.
_MAIL = r"(?:message|mail|e-?mail)"
_RETURNED = re.compile(
    r"^\W{0,12}(?:"
    r"(?:this|below(?: this line)?|included|here|following) is (?:a |the )?(?:copy|header|original|message|first)|"
    r"below this line is|here follows|unsent message follows|text of your message|"
    r"(?:original|unsent|returned|undelivered|forwarded) " + _MAIL + r"\s*-{2,}|"
    r"(?:the )?(?:original|unsent|returned|your|undelivered) " + _MAIL + r"(?:'s)?(?: headers?| text)? "
    r"(?:follows?|reads|is attached|is included|begins)|"
    r"(?:message|original|mail|returned)(?: message)? (?:headers?|text|body|contents?) (?:follows?|begins?|:)|"
    r"(?:the )?(?:headers?|text|body|start|beginning|first \d+ (?:lines|bytes)) of (?:the |your )?"
    r"(?:original |returned )?" + _MAIL + r"|"
    r"(?:message|mail) (?:header|body|text)\W*$|original message headers?|received headers?\W*$|"
    r"(?:received|return-path|x-originating-ip|dkim-signature|arc-seal|authentication-results|x-received) ?:"
    r")",
    re.IGNORECASE,
)
_FOUND = re.compile(r"(?<![\w.+=/-])" + ADDRESS)
# What stands before an address that could not be reached, when the address begins the line.
_BEFORE = re.compile(
    r"^[\s>*\-•·=|]*(?:(?:recipients?|user|address|e-?mail|failed recipient|original recipient|final-recipient|"
    r"intended recipient|mailbox|宛先|受信者)\s*(?:address)?\s*[:=]\s*)?(?:rfc822\s*;\s*)?"
    r"(?:(?:smtp; ?)?[245]\d\d[ -](?:[245]\.\d{1,3}\.\d{1,3} )?)?[<\[\"'(]{0,2}(?:smtp:|mailto:)?$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"^[>\]\"'),;:.\s]*(?:$|[:;\[(<,]|\.\.\.|on \d|\w|-|–)")
# A report also tells to whom the returned mail was addressed, which may be others.
_ADDRESSED = re.compile(r"^\W*to:\s*(?:<|smtp:)?\s*$", re.IGNORECASE)
_COMMANDED = re.compile(r"rcpt to:\s*<?\s*$", re.IGNORECASE)
# An address in a sentence counts if the sentence is about a delivery.
_ABOUT = re.compile(
    r"deliver|recipient|reach|mailbox|unknown|undeliver|does(?: not|n't) exist|rejected|not found|user|quota|full|"
    r"address|failed|destin|entreg|remis|usuario|envoy|zugestellt|宛|送信|配信",
    re.IGNORECASE,
)
_NOT_THEIRS = re.compile(
    r"(?:\bfrom|sender|reply-to|return-path|envelope-from|\bcc|\bbcc|message-?id|contact|postmaster at|mail from:?|"
    r"sent by|subject|\bid|forward\w* to|report (?:this )?to|questions to|please e?-?mail|support|help|by)\s*"
    r"(?:address|at|is|was)?\s*[:=]?\s*[<\[\"'(]*$",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"^(?:mailer-daemon|postmaster|noreply|no-reply|mailerdaemon)@", re.IGNORECASE)
_REPLY = re.compile(r"(?:^|[\s:>(\"'\[;,=-])([45]\d\d)(?=[ \-:,.;]|$)")
_DELAYED = re.compile(
    r"still (?:being )?(?:trying|retr|be(?:ing)? (?:re)?tried|attempt)|not (?:yet )?been delivered (?:yet|after)|"
    r"delayed|will (?:continue|keep) (?:to )?(?:try|retry|be)|warning: (?:could|message)|this is (?:only )?a warning|"
    r"do(?: not|n't) need to (?:resend|send)|no action is required|delivery attempts will continue",
    re.IGNORECASE,
)


_AFTER_DATA = re.compile(
    r"in reply to end of data|after (?:i sent|end of) (?:the )?(?:message|data)|our final data", re.IGNORECASE
)
_AFTER_RCPT = re.compile(r"rcpt|(?:does|did) not like (?:our )?recipient|rejected recipient", re.IGNORECASE)
_NO_RECIPIENT = re.compile(r"no valid recipients|need rcpt|valid rcpt", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Mention:
    """An address in the text: how sure it is that it is about a recipient, and in which line."""

    address: str
    strength: int
    line: int


def cut(text: str) -> tuple[list[str], Headers]:
    """The lines of the report itself, and the header of the mail that was returned below it."""
    lines = text.split("\n")[: MOST_LINES * 4]
    for number, line in enumerate(lines):
        if number and _RETURNED.match(line):
            return lines[:number][:MOST_LINES], _header(lines[number:])
    return lines[:MOST_LINES], Headers()


def _header(lines: list[str]) -> Headers:
    """The header in what was returned: the first lines that look like one, up to an empty line."""
    found: list[str] = []
    for given in lines[:MOST_LINES]:
        line = given if found else given.removeprefix("> ").removeprefix("    ")
        if re.match(r"^[A-Za-z][\w-]{1,60} ?:", line) or (found and line[:1] in " \t" and line.strip()):
            found.append(line)
        elif len(found) > 2 and not line.strip():
            break
    return parse_header("\n".join(found))


class Text:
    """The lines of a report, and the addresses they name."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    @cached_property
    def mentions(self) -> list[_Mention]:
        """Every address that may be a recipient's, in the order of the lines."""
        found = []
        for number, line in enumerate(self.lines):
            for match in islice(_FOUND.finditer(line[:LONGEST_LINE]), 20):
                strength = _strength(line[: match.start()], line[match.end() : LONGEST_LINE], line[:LONGEST_LINE])
                if strength:
                    found.append(_Mention(match[0].strip(".'").lower(), strength, number))
        return found[:MOST_MENTIONS]

    def recipients(self, failed: list[str], own: set[str], *, more: bool = False) -> list[Told]:
        """Whom these lines say could not be reached, with what was answered.

        `failed` are addresses known from elsewhere, and `more` whether there may be others; `own` are those the report
        itself was sent to, which it may name.
        """
        names = failed or self._chosen(own)
        if failed and more:
            # It takes what an address was made of for another one.
            named = {m.address for m in self.mentions}
            names = [name for name in failed if name in named] or failed
            names += [m.address for m in self.mentions if m.strength == SURE and m.address not in own]
        names = list(dict.fromkeys(names))[:MOST_RECIPIENTS]
        action = "delayed" if any(_DELAYED.search(line[:LONGEST_LINE]) for line in self.lines) else "failed"
        said = {name: self.said(name, names) for name in names}
        return [Told(name, action, status, words, stage=command) for name, (status, words, command) in said.items()]

    def said(self, name: str, names: Sequence[str]) -> tuple[str, str, str]:
        """Status, diagnostic and stage of what was answered for this one of the recipients."""
        block, alone = self.about(name, names), len(names) == 1
        words = _reply(block) or (_reply(self.lines) if alone else "") or _words(block, name)
        if not words or (alone and len(words) < SHORT):
            words = _words(self.lines, name)
        return enhanced_code(words), words[:MOST_SAID], stage(self.lines if alone else block, words)

    def about(self, name: str, names: Sequence[str]) -> list[str]:
        """The lines about one recipient: from where it is named most surely to where the next one is."""
        among = set(names)
        places = [m for m in self.mentions if m.address in among]
        first = min((m for m in places if m.address == name), key=lambda m: (-m.strength, m.line), default=None)
        if first is None:
            return self.lines if len(among) == 1 else []
        after = (m.line for m in places if m.line > first.line and m.address != name)
        return self.lines[first.line : min(after, default=len(self.lines))]

    def _chosen(self, own: set[str]) -> list[str]:
        """The addresses named most surely. The sender and the postmaster only where there is nobody else."""
        others = [m for m in self.mentions if m.address not in own and not _NOBODY.match(m.address)]
        taken = others or self.mentions
        strongest = max((mention.strength for mention in taken), default=0)
        names = list(dict.fromkeys(mention.address for mention in taken if mention.strength == strongest))
        return names if strongest > MENTIONED else names[:1]


def stage(lines: list[str], diagnostic: str) -> str:
    """Which command was answered: "rcpt", "data", or "" where these lines do not say.

    A server that is sent everything at once answers for the recipient below DATA, and then says that there are none.
    """
    text = " ".join(lines)
    if _NO_RECIPIENT.search(text):
        return "rcpt"
    if _AFTER_DATA.search(text) or _follows_data(lines, diagnostic):
        return "data"
    return "rcpt" if _AFTER_RCPT.search(text) or _AFTER_RCPT.search(diagnostic) else ""


def _follows_data(lines: list[str], diagnostic: str) -> bool:
    said = re.sub(r"\W+", " ", diagnostic.partition(" ")[2])[:24].strip().lower()
    for number, line in enumerate(lines):
        if re.match(r"\s*>>> DATA", line):
            below = " ".join(one for one in lines[number + 1 : number + 6] if "<<<" in one)
            return bool(said) and said in re.sub(r"\W+", " ", below).lower()
    return False


def _strength(before: str, after: str, line: str) -> int:
    if _NOT_THEIRS.search(before):
        return 0
    if _BEFORE.match(before) and _AFTER.match(after):
        return SURE
    if _COMMANDED.search(before):
        return COMMANDED
    if _ADDRESSED.search(before):
        return ADDRESSED
    return MENTIONED if _ABOUT.search(line) else 0


def _reply(lines: list[str]) -> str:
    """The first answer of a server in these lines, with the lines it goes on in."""
    for number, line in enumerate(lines):
        if _REPLY.search(line) and not re.match(r"\s*>>>", line):
            taken = [line]
            for more in lines[number + 1 : number + 12]:
                if not more.strip() or re.match(r"\s*(?:>>>|<\S+@\S+>:|-{3,})", more):
                    break
                taken.append(more)
            if number and line.rstrip(". ").lower().endswith("service unavailable"):
                taken.insert(0, lines[number - 1])  # sendmail: the program it ran says why, above
            return " ".join(" ".join(taken).split())
    return ""


def _words(lines: list[str], name: str) -> str:
    text = re.sub(re.escape(name), " ", " ".join(lines), flags=re.IGNORECASE)
    return " ".join(text.replace("<>", " ").split()).lstrip(":;.,<>[]() ")
