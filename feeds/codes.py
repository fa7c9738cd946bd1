"""What the codes in the answers of mail servers mean, in words for people who never read one.

Facts after RFC 3463, 3886, 4954, 5321, 6531, 6710, 7293, 7372, 7504, 7505, 8617 and 8689, the registry of enhanced
status codes at IANA, and what Google, Yahoo and Microsoft publish of the codes they use. `feeds.answers` reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Advice(models.TextChoices):
    """What somebody can do about an answer: the label says it."""

    NOTHING = "nothing", ""
    ADDRESS = "address", _("Ask the recipient for the right address: look for a mistyped letter first.")
    DOMAIN = (
        "domain",
        _("Check how the part after the @ is written. If it is right, their administrator has to repair it."),
    )
    ROOM = "room", _("Ask the recipient to make room in the mailbox, then send again.")
    WAIT = "wait", _("Wait. If it lasts for more than a day, their administrator has to look into it.")
    THEIRS = "theirs", _("Their administrator has to repair it: pass on the time and the answer.")
    SMALLER = "smaller", _("Send a smaller email, with a link in place of large attachments.")
    SLOWER = "slower", _("Send less at a time to this provider. What waits is accepted later.")
    SENDER = "sender", _("Correct the sender's address or its domain. The recipient's address is fine.")
    DNS = "dns", _("Have SPF, DKIM and DMARC of the sender's domain checked. The recipient's address is fine.")
    LISTED = "listed", _("Look up the sending server on the blocklist the answer names, and ask to be taken off.")
    CONTENT = "content", _("Look at what the email says and links to, and at how the last ones were received.")
    ALLOW = "allow", _("Ask the recipient or their administrator to accept mail of this sender.")
    SETTINGS = "settings", _("Have the settings of the sending server checked. The recipient's address is fine.")
    READ = "read", _("Read the words of the answer: they say more than its code.")
    STOP = "stop", _("Do not send to this address again.")


type Code = tuple[_StrPromise, Advice]

NO_MAILBOX: Code = (_("There is no mailbox of this name at this domain."), Advice.ADDRESS)
NO_DOMAIN: Code = (_("The domain after the @ does not exist, or takes no mail."), Advice.DOMAIN)
SWITCHED_OFF: Code = (_("The mailbox exists but is switched off."), Advice.ADDRESS)
FULL: Code = (_("The mailbox is full."), Advice.ROOM)
TOO_LARGE: Code = (_("The email is larger than their server accepts."), Advice.SMALLER)
TOO_MUCH: Code = (_("More mail came than their server takes at a time."), Advice.SLOWER)
GREYLISTED: Code = (_("Their server refuses every unknown sender at first, and accepts the next attempt."), Advice.WAIT)
LISTED: Code = (_("The sending server or domain is on a blocklist."), Advice.LISTED)
LOOKS_LIKE_SPAM: Code = (_("Their server takes this email for spam, or for dangerous."), Advice.CONTENT)
BAD_SENDER: Code = (_("Their server does not accept the sender's address."), Advice.SENDER)
BAD_FROM: Code = (_("The email's From line is missing or wrong."), Advice.SENDER)
NO_NAME: Code = (_("The sending server's address has no matching name in reverse DNS."), Advice.SETTINGS)
NO_RELAY: Code = (_("Their server does not pass mail on for this sender."), Advice.SETTINGS)
AGAINST_RULES: Code = (
    _("A rule of the recipient's server refuses it; the address itself is usually fine."),
    Advice.READ,
)
NOT_PROVEN: Code = (_("The email could not prove that it comes from the sender's domain."), Advice.DNS)
NOT_ALLOWED: Code = (_("A rule of the recipient's organisation refuses this sender."), Advice.ALLOW)
LOOP: Code = (_("The email went in a circle between servers."), Advice.THEIRS)
EXPIRED: Code = (_("It was tried until the time for it ran out; the answers before this one say why."), Advice.READ)
NO_ANSWER: Code = (_("Their server did not answer."), Advice.WAIT)
BROKEN_OFF: Code = (_("The connection to their server broke off."), Advice.WAIT)
BUSY: Code = (_("Their server is overloaded, in maintenance or switched off for now."), Advice.WAIT)
MISCONFIGURED: Code = (_("Their server is not set up correctly."), Advice.THEIRS)
MISUNDERSTOOD: Code = (_("The two servers did not understand each other."), Advice.SETTINGS)
CONTENT: Code = (_("Their server does not accept what this email contains."), Advice.CONTENT)
NO_LOGIN: Code = (_("The sending server was not let in: its name or password was refused."), Advice.SETTINGS)
ENCRYPTION: Code = (_("Their server asks for an encrypted connection."), Advice.SETTINGS)
BANNED: Code = (_("The sending account or server is banned because of spam."), Advice.LISTED)
OTHER_OWNER: Code = (_("The address belongs to somebody else by now."), Advice.STOP)
TAKEN: Code = (_("The recipient's server took the email over."), Advice.NOTHING)

# Where the code is general, what the answer says decides. In this order; lower case.
WORDS: tuple[tuple[str, Code], ...] = (
    (r"over ?quota|quota (?:is )?(?:exceeded|full)|out of storage|insufficient (?:system )?storage", FULL),
    (r"(?:mail ?box|inbox)\b.{0,12}\bfull|full mailbox", FULL),
    (r"gr[ae]y ?list", GREYLISTED),
    (r"too (?:large|big)|(?:size|length) (?:exceeds|limit)|exceeds? .{0,20}size", TOO_LARGE),
    (r"dmarc|\bspf\b|dkim|unauthenticated", NOT_PROVEN),
    (r"\bptr\b|reverse dns|\brdns\b", NO_NAME),
    (r"from:? header|from: domain|rfc ?5322", BAD_FROM),
    (r"sender (?:address |domain )?(?:rejected|refused|denied|invalid)|(?:invalid|bad|unknown) sender", BAD_SENDER),
    (r"too (?:quickly|fast)|too many (?:messages|connections|e-?mails|recipients)|throttl|slow down", TOO_MUCH),
    (r"rate.?limit|limit exceeded|frequency limited|daily .{0,24}(?:quota|limit)", TOO_MUCH),
    (r"(?:mailbox|account|user|address)\b.{0,24}\b(?:disabled|deactivated|inactive|suspended)", SWITCHED_OFF),
    (
        r"(?:user|recipient|mailbox|address|account)s?\b.{0,24}\b(?:unknown|not (?:found|exist|known)|no longer)",
        NO_MAILBOX,
    ),
    (r"(?:user|recipient|mailbox|address|account)s?\b.{0,24}\bdoes(?: not|n't) exist", NO_MAILBOX),
    (
        r"(?:unknown|no such|invalid|non-?existent|undeliverable)[ -](?:local )?(?:user|recipient|mailbox|address)",
        NO_MAILBOX,
    ),
    (r"user doesn't have|no mailbox here|recipnotfound|mailbox unavailable", NO_MAILBOX),
    (r"(?:domain|host)\b.{0,20}\b(?:not found|not exist|unknown)|no mx\b|nxdomain|unrouteable", NO_DOMAIN),
    (r"block ?list|black ?list|spamhaus|spamcop|barracudacentral|\brbl\b|\bdnsbl\b|banned|blocked using", LISTED),
    (r"spam|unsolicited|content rejected|virus|malware|phish|suspicious", LOOKS_LIKE_SPAM),
    (r"authentication (?:is )?(?:required|failed)|login (?:failed|attempts)", NO_LOGIN),
    (r"relay", NO_RELAY),
    (r"timed? ?out|connection (?:lost|refused|reset|dropped)", BROKEN_OFF),
    (r"policy|policies|access denied|forbidden|not allowed|blocked|rejected by recipient", AGAINST_RULES),
)

# These mean many things in practice, so that the words of the answer come first.
GENERAL = frozenset(
    {
        "", "0.0", "1.0", "2.0", "2.1", "3.0", "4.0", "4.1", "5.0", "6.0", "7.0", "7.1", "421", "450", "451", "452",
        "501", "550", "551", "552", "553", "554",
    }
)  # fmt: skip

# By subject and detail, as they follow the 4 (for now) or the 5 (for good); a whole code where it has its own meaning.
ENHANCED: dict[str, Code] = {
    "0.0": (_("Their server gave no precise reason."), Advice.READ),
    # The address
    "1.0": (_("Their server does not accept this address, and does not say why."), Advice.READ),
    "1.1": NO_MAILBOX,
    "4.1.1": (_("Their server could not yet confirm that the mailbox exists."), Advice.WAIT),
    "1.2": NO_DOMAIN,
    "4.1.2": (_("The domain of the address cannot be found at the moment."), Advice.WAIT),
    "1.3": (_("The address is not written in a valid form."), Advice.ADDRESS),
    "1.4": (_("The address fits more than one mailbox, so the server did not choose."), Advice.ADDRESS),
    "1.5": (_("The address is valid; it failed for another reason."), Advice.READ),
    "1.6": (_("The mailbox has moved, and nothing is forwarded."), Advice.ADDRESS),
    "1.7": (_("Their server does not accept how the sender's address is written."), Advice.SENDER),
    "1.8": (_("The sender's domain does not exist, or cannot take replies."), Advice.SENDER),
    "1.9": (_("It was passed on to a server that reports nothing further."), Advice.NOTHING),
    "1.10": (_("The domain says that it takes no mail, or the recipient is not known there."), Advice.ADDRESS),
    # The mailbox
    "2.0": (_("The mailbox cannot take the email, and the server does not say why."), Advice.READ),
    "2.1": SWITCHED_OFF,
    "4.2.1": (_("The mailbox takes no mail at the moment; often too much arrives at once."), Advice.WAIT),
    "2.2": FULL,
    "2.3": (_("The email is larger than this mailbox accepts."), Advice.SMALLER),
    "2.4": (_("The address is a mailing list that could not be read."), Advice.THEIRS),
    "2.121": (_("This recipient got too many of your emails within an hour."), Advice.SLOWER),
    "2.122": (_("This recipient got too many emails within an hour."), Advice.WAIT),
    # Their system
    "3.0": (_("The receiving system has a problem it does not name."), Advice.WAIT),
    "3.1": (_("The receiving system has no room left."), Advice.WAIT),
    "3.2": BUSY,
    "3.3": (_("Their server lacks something this email needs."), Advice.THEIRS),
    "3.4": TOO_LARGE,
    "3.5": MISCONFIGURED,
    "2.3.6": (_("It was accepted, with another priority."), Advice.NOTHING),
    # The way there
    "4.0": (_("There was a problem on the way to their server."), Advice.WAIT),
    "4.1": NO_ANSWER,
    "4.2": BROKEN_OFF,
    "4.3": (_("The server of the domain could not be looked up."), Advice.WAIT),
    "4.4": (_("There is no way to this domain: it names no mail server."), Advice.DOMAIN),
    "4.5": TOO_MUCH,
    "4.6": LOOP,
    "4.7": EXPIRED,
    "4.14": LOOP,
    "4.300": EXPIRED,
    "4.310": NO_DOMAIN,
    "4.316": (_("Their server refused the connection."), Advice.WAIT),
    # How the servers talk
    "5.0": MISUNDERSTOOD,
    "5.1": MISUNDERSTOOD,
    "5.2": MISUNDERSTOOD,
    "5.3": (_("It was for too many recipients in one go."), Advice.SLOWER),
    "5.4": (_("Their server did not accept how the sending server introduced itself."), Advice.SETTINGS),
    "5.5": MISUNDERSTOOD,
    "5.6": MISUNDERSTOOD,
    # What is in it
    "6.0": CONTENT,
    "6.1": (_("Their server does not take this kind of content."), Advice.CONTENT),
    "6.2": (_("The content would have to be converted, which is not allowed."), Advice.CONTENT),
    "6.3": (_("The content would have to be converted, which their server cannot do."), Advice.CONTENT),
    "6.4": (_("The content was converted, and something of it was lost."), Advice.NOTHING),
    "6.5": (_("The content could not be converted."), Advice.CONTENT),
    "6.6": (_("Their server could not fetch the content."), Advice.CONTENT),
    "6.7": (_("Their server does not take addresses with accents or other scripts."), Advice.ADDRESS),
    "6.8": (_("Their server cannot answer in the letters this email needs."), Advice.THEIRS),
    "6.9": (_("The email has letters in its headers that their server cannot take."), Advice.CONTENT),
    "6.10": (_("Their server cannot answer in the letters this email needs."), Advice.THEIRS),
    # Rules and security
    "7.0": (_("A security rule of the recipient's server refuses it."), Advice.READ),
    "4.7.0": (_("Their server holds this sender back: too much mail, or not enough trust yet."), Advice.SLOWER),
    "7.1": AGAINST_RULES,
    "4.7.1": (_("A rule of the recipient's server refuses it for now, as it does with unknown senders."), Advice.WAIT),
    "7.2": (_("This sender may not write to this mailing list."), Advice.ALLOW),
    "7.3": (_("It would have to be encrypted in another way, which is not possible."), Advice.SETTINGS),
    "7.4": (_("Their server cannot handle how this email is secured."), Advice.SETTINGS),
    "7.5": (_("A signature or an encryption could not be verified."), Advice.DNS),
    "7.6": (_("Their server does not know the kind of encryption used."), Advice.SETTINGS),
    "7.7": (_("The email looks as if it was changed on the way."), Advice.SETTINGS),
    "7.8": NO_LOGIN,
    "7.9": (_("The way the sending server proves itself is not enough for their server."), Advice.DNS),
    "7.10": ENCRYPTION,
    "7.11": ENCRYPTION,
    "7.12": (_("The recipient takes mail only from their own organisation."), Advice.ALLOW),
    "7.13": (_("The account is switched off: most often the sending one."), Advice.SETTINGS),
    "7.14": (_("Their server only takes mail from senders it knows."), Advice.SETTINGS),
    "7.15": (_("The email's priority is too low to be taken now."), Advice.WAIT),
    "7.16": (_("The email is too large for its priority."), Advice.SMALLER),
    "7.17": OTHER_OWNER,
    "7.18": (_("The domain belongs to somebody else by now."), Advice.STOP),
    "7.19": (_("Their server could not find out whom the address belongs to."), Advice.WAIT),
    "7.20": (_("The email has no valid DKIM signature."), Advice.DNS),
    "7.21": (_("The email is signed, but not for a domain that their server accepts."), Advice.DNS),
    "7.22": (_("The email is not signed by the domain it says it is from."), Advice.DNS),
    "7.23": (_("The sender's domain does not allow this server to send for it (SPF)."), Advice.DNS),
    "7.24": (_("The list of servers that may send for this domain (SPF) cannot be read."), Advice.DNS),
    "7.25": NO_NAME,
    "7.26": NOT_PROVEN,
    "7.27": (_("The sender's domain takes no mail itself, or does not allow this server to send."), Advice.DNS),
    "7.28": (_("Too much unwanted mail came from this sender."), Advice.SLOWER),
    "7.29": (_("It was forwarded, and lost the proof of where it comes from; or it was not encrypted."), Advice.DNS),
    "7.30": (_("It asks for encryption their server does not offer, or its DKIM signature failed."), Advice.DNS),
    "7.32": (_("The From address belongs to another domain than the one that sent it."), Advice.DNS),
    "7.40": (_("The sender's domain has no DMARC policy."), Advice.DNS),
    "7.64": NO_RELAY,
    "7.124": (_("This group only takes mail from chosen senders."), Advice.ALLOW),
    "7.500": (_("Their server holds mail of this sender back while it looks at it."), Advice.SLOWER),
    "7.501": BANNED,
    "7.502": BANNED,
    "7.503": BANNED,
    "7.504": NO_MAILBOX,
    "7.505": NO_MAILBOX,
    "7.506": (_("Their server did not accept how the sending server introduced itself."), Advice.SETTINGS),
    "7.507": NOT_ALLOWED,
    "7.508": TOO_MUCH,
    "7.509": NOT_PROVEN,
    "7.510": (_("Their server takes no mail over IPv6."), Advice.SETTINGS),
    "7.511": BANNED,
    "7.512": BAD_FROM,
    "7.513": NOT_ALLOWED,
    "7.515": (_("Who sends as much as this sender has to prove it with SPF, DKIM and DMARC."), Advice.DNS),
}
# Microsoft gives whole ranges one meaning: subject, first and last detail.
RANGES: tuple[tuple[str, int, int, Code], ...] = (
    ("7", 133, 136, ENHANCED["7.124"]),
    ("7", 516, 605, ENHANCED["7.500"]),
    ("7", 606, 649, LISTED),
    ("7", 650, 699, ENHANCED["7.500"]),
    ("7", 700, 750, BANNED),
    ("7", 850, 899, ENHANCED["7.500"]),
)
# For details nobody has described: what the subject says.
SUBJECTS = {subject: ENHANCED[f"{subject}.0"] for subject in "01234567"}

# The codes of old, for answers that have no other.
BASIC: dict[str, Code] = {
    "421": BUSY,
    "450": (_("The mailbox is not available at the moment."), Advice.WAIT),
    "451": (_("Their server has a problem for now, or refuses unknown senders at first."), Advice.WAIT),
    "452": (_("Their server or the mailbox is short of room."), Advice.WAIT),
    "454": (_("The login or the encryption failed for now."), Advice.WAIT),
    "455": MISUNDERSTOOD,
    "500": MISUNDERSTOOD,
    "501": (_("Their server did not understand a command or an address."), Advice.READ),
    "502": MISUNDERSTOOD,
    "503": MISUNDERSTOOD,
    "504": MISUNDERSTOOD,
    "521": NO_DOMAIN,
    "530": ENCRYPTION,
    "535": NO_LOGIN,
    "550": (_("The mailbox is not available: most often it does not exist."), Advice.READ),
    "551": (_("The mailbox is not on this server."), Advice.ADDRESS),
    "552": (_("The mailbox is full, or the email is too large."), Advice.ROOM),
    "553": (_("Their server does not accept this address."), Advice.ADDRESS),
    "554": (_("Their server refused it as a whole, most often by a rule or a spam filter."), Advice.READ),
    "555": MISUNDERSTOOD,
    "556": NO_DOMAIN,
}
CLASSES: dict[str, Code] = {
    "2": TAKEN,
    "4": (_("Their server refused it for now."), Advice.READ),
    "5": (_("Their server refused it for good."), Advice.READ),
}

# Why a provider did not even try. Lower case.
DROPS: tuple[tuple[str, Code], ...] = (
    (r"unsubscri|opt.?out", (_("The recipient unsubscribed before."), Advice.STOP)),
    (r"spam content", LOOKS_LIKE_SPAM),
    (r"spam|complain", (_("The recipient reported an earlier email as spam."), Advice.STOP)),
    (r"bounce", (_("An earlier email to this address bounced."), Advice.ADDRESS)),
    (r"suppress|black ?list|block ?list|blocked", (
        _("The address is on a list of addresses that are not mailed."), Advice.NOTHING)),
    (r"invalid|syntax|not valid|malformed", (_("The address is not written in a valid form."), Advice.ADDRESS)),
    (r"quota|credit|limit", (_("The sending account has nothing left to send with."), Advice.SETTINGS)),
)  # fmt: skip
