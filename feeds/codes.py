"""What the codes in the answers of mail servers mean, in words for people who never read one.

Facts after RFC 3463, 3886, 4954, 5321, 6531, 6710, 7293, 7372, 7504, 7505, 8617 and 8689, the registry of enhanced
status codes at IANA, and what Google, Yahoo and Microsoft publish of the codes they use. `feeds.replies` reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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


class Verdict(models.IntegerChoices):
    """What a server's answer comes to."""

    DELIVERED = 1, pgettext_lazy("verdict", "accepted")
    HARD = 2, pgettext_lazy("verdict", "the address is dead")
    SOFT = 3, pgettext_lazy("verdict", "refused for now")
    THROTTLE = 4, pgettext_lazy("verdict", "too much at a time")
    BLOCK = 5, pgettext_lazy("verdict", "the sender or the message is refused")


class Code(NamedTuple):
    """What one answer means, what somebody can do about it, and what it comes to where it is for good (5xx)."""

    meaning: _StrPromise
    advice: Advice
    verdict: Verdict


NO_MAILBOX = Code(_("There is no mailbox of this name at this domain."), Advice.ADDRESS, Verdict.HARD)
NO_DOMAIN = Code(_("The domain after the @ does not exist, or takes no mail."), Advice.DOMAIN, Verdict.HARD)
SWITCHED_OFF = Code(_("The mailbox exists but is switched off."), Advice.ADDRESS, Verdict.SOFT)
SUSPENDED = Code(_("The mailbox is suspended for now."), Advice.WAIT, Verdict.SOFT)
FULL = Code(_("The mailbox is full."), Advice.ROOM, Verdict.SOFT)
TOO_LARGE = Code(_("The email is larger than their server accepts."), Advice.SMALLER, Verdict.SOFT)
TOO_MUCH = Code(_("More mail came than their server takes at a time."), Advice.SLOWER, Verdict.THROTTLE)
GREYLISTED = Code(
    _("Their server refuses every unknown sender at first, and accepts the next attempt."), Advice.WAIT, Verdict.SOFT
)
LISTED = Code(_("The sending server or domain is on a blocklist."), Advice.LISTED, Verdict.BLOCK)
DISTRUSTED = Code(
    _("Their server does not trust the sending server or domain yet, or any more."), Advice.CONTENT, Verdict.BLOCK
)
LOOKS_LIKE_SPAM = Code(_("Their server takes this email for spam, or for dangerous."), Advice.CONTENT, Verdict.BLOCK)
BAD_SENDER = Code(_("Their server does not accept the sender's address."), Advice.SENDER, Verdict.BLOCK)
BAD_FROM = Code(_("The email's From line is missing or wrong."), Advice.SENDER, Verdict.BLOCK)
NO_NAME = Code(_("The sending server's address has no matching name in reverse DNS."), Advice.SETTINGS, Verdict.BLOCK)
NO_RELAY = Code(_("Their server does not pass mail on for this sender."), Advice.SETTINGS, Verdict.BLOCK)
AGAINST_RULES = Code(
    _("A rule of the recipient's server refuses it; the address itself is usually fine."), Advice.READ, Verdict.BLOCK
)
NOT_PROVEN = Code(_("The email could not prove that it comes from the sender's domain."), Advice.DNS, Verdict.BLOCK)
NOT_ALLOWED = Code(_("A rule of the recipient's organisation refuses this sender."), Advice.ALLOW, Verdict.BLOCK)
LOOP = Code(_("The email went in a circle between servers."), Advice.THEIRS, Verdict.SOFT)
EXPIRED = Code(
    _("It was tried until the time for it ran out; the answers before this one say why."), Advice.READ, Verdict.SOFT
)
NO_ANSWER = Code(_("Their server did not answer."), Advice.WAIT, Verdict.SOFT)
BROKEN_OFF = Code(_("The connection to their server broke off."), Advice.WAIT, Verdict.SOFT)
BUSY = Code(_("Their server is overloaded, in maintenance or switched off for now."), Advice.WAIT, Verdict.SOFT)
MISCONFIGURED = Code(_("Their server is not set up correctly."), Advice.THEIRS, Verdict.SOFT)
MISUNDERSTOOD = Code(_("The two servers did not understand each other."), Advice.SETTINGS, Verdict.BLOCK)
CONTENT = Code(_("Their server does not accept what this email contains."), Advice.CONTENT, Verdict.BLOCK)
NO_LOGIN = Code(
    _("The sending server was not let in: its name or password was refused."), Advice.SETTINGS, Verdict.BLOCK
)
ENCRYPTION = Code(_("Their server asks for an encrypted connection."), Advice.SETTINGS, Verdict.BLOCK)
BANNED = Code(_("The sending account or server is banned because of spam."), Advice.LISTED, Verdict.BLOCK)
OTHER_OWNER = Code(_("The address belongs to somebody else by now."), Advice.STOP, Verdict.HARD)
TAKEN = Code(_("The recipient's server took the email over."), Advice.NOTHING, Verdict.DELIVERED)

# These mean many things in practice, so that the words of the answer come first.
GENERAL = frozenset({"0.0", "1.0", "2.0", "2.1", "3.0", "4.0", "4.1", "5.0", "6.0", "7.0", "7.1"})

# By subject and detail, as they follow the 4 (for now) or the 5 (for good); a whole code where it has its own meaning.
ENHANCED: dict[str, Code] = {
    "0.0": Code(_("Their server gave no precise reason."), Advice.READ, Verdict.SOFT),
    # The address
    "1.0": Code(_("Their server does not accept this address, and does not say why."), Advice.READ, Verdict.HARD),
    "1.1": NO_MAILBOX,
    "4.1.1": Code(_("Their server could not yet confirm that the mailbox exists."), Advice.WAIT, Verdict.SOFT),
    "1.2": NO_DOMAIN,
    "4.1.2": Code(_("The domain of the address cannot be found at the moment."), Advice.WAIT, Verdict.SOFT),
    "1.3": Code(_("The address is not written in a valid form."), Advice.ADDRESS, Verdict.HARD),
    "1.4": Code(
        _("The address fits more than one mailbox, so the server did not choose."), Advice.ADDRESS, Verdict.SOFT
    ),
    "1.5": Code(_("The address is valid; it failed for another reason."), Advice.READ, Verdict.SOFT),
    "1.6": Code(_("The mailbox has moved, and nothing is forwarded."), Advice.ADDRESS, Verdict.HARD),
    "1.7": Code(_("Their server does not accept how the sender's address is written."), Advice.SENDER, Verdict.BLOCK),
    "1.8": Code(_("The sender's domain does not exist, or cannot take replies."), Advice.SENDER, Verdict.BLOCK),
    "1.9": Code(_("It was passed on to a server that reports nothing further."), Advice.NOTHING, Verdict.SOFT),
    "1.10": Code(
        _("The domain says that it takes no mail, or the recipient is not known there."), Advice.ADDRESS, Verdict.HARD
    ),
    "1.20": BAD_FROM,
    "1.90": TOO_MUCH,
    "1.351": NO_MAILBOX,
    # The mailbox
    "2.0": Code(_("The mailbox cannot take the email, and the server does not say why."), Advice.READ, Verdict.SOFT),
    "2.1": SWITCHED_OFF,
    "4.2.1": Code(
        _("The mailbox takes no mail at the moment; often too much arrives at once."), Advice.WAIT, Verdict.SOFT
    ),
    "2.2": FULL,
    "2.3": Code(_("The email is larger than this mailbox accepts."), Advice.SMALLER, Verdict.SOFT),
    "2.4": Code(_("The address is a mailing list that could not be read."), Advice.THEIRS, Verdict.SOFT),
    "2.121": Code(_("This recipient got too many of your emails within an hour."), Advice.SLOWER, Verdict.THROTTLE),
    "2.122": Code(_("This recipient got too many emails within an hour."), Advice.WAIT, Verdict.THROTTLE),
    # Their system
    "3.0": Code(_("The receiving system has a problem it does not name."), Advice.WAIT, Verdict.SOFT),
    "3.1": Code(_("The receiving system has no room left."), Advice.WAIT, Verdict.SOFT),
    "3.2": BUSY,
    "3.3": Code(_("Their server lacks something this email needs."), Advice.THEIRS, Verdict.SOFT),
    "3.4": TOO_LARGE,
    "3.5": MISCONFIGURED,
    "2.3.6": Code(_("It was accepted, with another priority."), Advice.NOTHING, Verdict.DELIVERED),
    # The way there
    "4.0": Code(_("There was a problem on the way to their server."), Advice.WAIT, Verdict.SOFT),
    "4.1": NO_ANSWER,
    "4.2": BROKEN_OFF,
    "4.3": Code(_("The server of the domain could not be looked up."), Advice.WAIT, Verdict.SOFT),
    "4.4": Code(_("There is no way to this domain: it names no mail server."), Advice.DOMAIN, Verdict.HARD),
    "4.5": TOO_MUCH,
    "4.6": LOOP,
    "4.7": EXPIRED,
    "4.14": LOOP,
    "4.300": EXPIRED,
    "4.310": NO_DOMAIN,
    "4.316": Code(_("Their server refused the connection."), Advice.WAIT, Verdict.SOFT),
    # How the servers talk
    "5.0": MISUNDERSTOOD,
    "5.1": MISUNDERSTOOD,
    "5.2": MISUNDERSTOOD,
    "5.3": Code(_("It was for too many recipients in one go."), Advice.SLOWER, Verdict.THROTTLE),
    "5.4": Code(
        _("Their server did not accept how the sending server introduced itself."), Advice.SETTINGS, Verdict.BLOCK
    ),
    "5.5": MISUNDERSTOOD,
    "5.6": MISUNDERSTOOD,
    # What is in it
    "6.0": CONTENT,
    "6.1": Code(_("Their server does not take this kind of content."), Advice.CONTENT, Verdict.BLOCK),
    "6.2": Code(_("The content would have to be converted, which is not allowed."), Advice.CONTENT, Verdict.BLOCK),
    "6.3": Code(
        _("The content would have to be converted, which their server cannot do."), Advice.CONTENT, Verdict.BLOCK
    ),
    "6.4": Code(_("The content was converted, and something of it was lost."), Advice.NOTHING, Verdict.BLOCK),
    "6.5": Code(_("The content could not be converted."), Advice.CONTENT, Verdict.BLOCK),
    "6.6": Code(_("Their server could not fetch the content."), Advice.CONTENT, Verdict.BLOCK),
    "6.7": Code(
        _("Their server does not take addresses with accents or other scripts."), Advice.ADDRESS, Verdict.BLOCK
    ),
    "6.8": Code(_("Their server cannot answer in the letters this email needs."), Advice.THEIRS, Verdict.BLOCK),
    "6.9": Code(
        _("The email has letters in its headers that their server cannot take."), Advice.CONTENT, Verdict.BLOCK
    ),
    "6.10": Code(_("Their server cannot answer in the letters this email needs."), Advice.THEIRS, Verdict.BLOCK),
    # Rules and security
    "7.0": Code(_("A security rule of the recipient's server refuses it."), Advice.READ, Verdict.BLOCK),
    "4.7.0": Code(
        _("Their server holds this sender back: too much mail, or not enough trust yet."), Advice.SLOWER, Verdict.BLOCK
    ),
    "7.1": AGAINST_RULES,
    "4.7.1": Code(
        _("A rule of the recipient's server refuses it for now, as it does with unknown senders."),
        Advice.WAIT,
        Verdict.BLOCK,
    ),
    "7.2": Code(_("This sender may not write to this mailing list."), Advice.ALLOW, Verdict.BLOCK),
    "7.3": Code(
        _("It would have to be encrypted in another way, which is not possible."), Advice.SETTINGS, Verdict.BLOCK
    ),
    "7.4": Code(_("Their server cannot handle how this email is secured."), Advice.SETTINGS, Verdict.BLOCK),
    "7.5": Code(_("A signature or an encryption could not be verified."), Advice.DNS, Verdict.BLOCK),
    "7.6": Code(_("Their server does not know the kind of encryption used."), Advice.SETTINGS, Verdict.BLOCK),
    "7.7": Code(_("The email looks as if it was changed on the way."), Advice.SETTINGS, Verdict.BLOCK),
    "7.8": NO_LOGIN,
    "7.9": Code(
        _("The way the sending server proves itself is not enough for their server."), Advice.DNS, Verdict.BLOCK
    ),
    "7.10": ENCRYPTION,
    "7.11": ENCRYPTION,
    "7.12": Code(_("The recipient takes mail only from their own organisation."), Advice.ALLOW, Verdict.BLOCK),
    "7.13": Code(_("The account is switched off: most often the sending one."), Advice.SETTINGS, Verdict.BLOCK),
    "7.14": Code(_("Their server only takes mail from senders it knows."), Advice.SETTINGS, Verdict.BLOCK),
    "7.15": Code(_("The email's priority is too low to be taken now."), Advice.WAIT, Verdict.BLOCK),
    "7.16": Code(_("The email is too large for its priority."), Advice.SMALLER, Verdict.BLOCK),
    "7.17": OTHER_OWNER,
    "7.18": Code(_("The domain belongs to somebody else by now."), Advice.STOP, Verdict.HARD),
    "7.19": Code(_("Their server could not find out whom the address belongs to."), Advice.WAIT, Verdict.SOFT),
    "7.20": Code(_("The email has no valid DKIM signature."), Advice.DNS, Verdict.BLOCK),
    "7.21": Code(_("The email is signed, but not for a domain that their server accepts."), Advice.DNS, Verdict.BLOCK),
    "7.22": Code(_("The email is not signed by the domain it says it is from."), Advice.DNS, Verdict.BLOCK),
    "7.23": Code(_("The sender's domain does not allow this server to send for it (SPF)."), Advice.DNS, Verdict.BLOCK),
    "7.24": Code(
        _("The list of servers that may send for this domain (SPF) cannot be read."), Advice.DNS, Verdict.BLOCK
    ),
    "7.25": NO_NAME,
    "7.26": NOT_PROVEN,
    "7.27": Code(
        _("The sender's domain takes no mail itself, or does not allow this server to send."), Advice.DNS, Verdict.BLOCK
    ),
    "7.28": Code(_("Too much unwanted mail came from this sender."), Advice.SLOWER, Verdict.BLOCK),
    "4.7.28": TOO_MUCH,
    "7.29": Code(
        _("It was forwarded, and lost the proof of where it comes from; or it was not encrypted."),
        Advice.DNS,
        Verdict.BLOCK,
    ),
    "7.30": Code(
        _("It asks for encryption their server does not offer, or its DKIM signature failed."),
        Advice.DNS,
        Verdict.BLOCK,
    ),
    "7.32": Code(_("The From address belongs to another domain than the one that sent it."), Advice.DNS, Verdict.BLOCK),
    "7.40": Code(_("The sender's domain has no DMARC policy."), Advice.DNS, Verdict.BLOCK),
    "7.64": NO_RELAY,
    "7.124": Code(_("This group only takes mail from chosen senders."), Advice.ALLOW, Verdict.BLOCK),
    "7.500": Code(
        _("Their server holds mail of this sender back while it looks at it."), Advice.SLOWER, Verdict.THROTTLE
    ),
    "7.501": BANNED,
    "7.502": BANNED,
    "7.503": BANNED,
    "7.504": NO_MAILBOX,
    "7.505": NO_MAILBOX,
    "7.506": Code(
        _("Their server did not accept how the sending server introduced itself."), Advice.SETTINGS, Verdict.BLOCK
    ),
    "7.507": NOT_ALLOWED,
    "7.508": TOO_MUCH,
    "7.509": NOT_PROVEN,
    "7.510": Code(_("Their server takes no mail over IPv6."), Advice.SETTINGS, Verdict.BLOCK),
    "7.511": BANNED,
    "7.512": BAD_FROM,
    "7.513": NOT_ALLOWED,
    "7.515": Code(
        _("Who sends as much as this sender has to prove it with SPF, DKIM and DMARC."), Advice.DNS, Verdict.BLOCK
    ),
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
    "450": Code(_("The mailbox is not available at the moment."), Advice.WAIT, Verdict.SOFT),
    "451": Code(
        _("Their server has a problem for now, or refuses unknown senders at first."), Advice.WAIT, Verdict.SOFT
    ),
    "452": Code(_("Their server or the mailbox is short of room."), Advice.WAIT, Verdict.SOFT),
    "454": Code(_("The login or the encryption failed for now."), Advice.WAIT, Verdict.SOFT),
    "455": MISUNDERSTOOD,
    "500": MISUNDERSTOOD,
    "501": Code(_("Their server did not understand a command or an address."), Advice.READ, Verdict.BLOCK),
    "502": MISUNDERSTOOD,
    "503": MISUNDERSTOOD,
    "504": MISUNDERSTOOD,
    "521": NO_DOMAIN,
    "530": ENCRYPTION,
    "535": NO_LOGIN,
    "550": Code(_("The mailbox is not available: most often it does not exist."), Advice.READ, Verdict.HARD),
    "551": Code(_("The mailbox is not on this server."), Advice.ADDRESS, Verdict.HARD),
    "552": Code(_("The mailbox is full, or the email is too large."), Advice.ROOM, Verdict.SOFT),
    "553": Code(_("Their server does not accept this address."), Advice.ADDRESS, Verdict.HARD),
    "554": Code(
        _("Their server refused it as a whole, most often by a rule or a spam filter."), Advice.READ, Verdict.BLOCK
    ),
    "555": MISUNDERSTOOD,
    "556": NO_DOMAIN,
}
CLASSES: dict[str, Code] = {
    "2": TAKEN,
    "4": Code(_("Their server refused it for now."), Advice.READ, Verdict.SOFT),
    "5": Code(_("Their server refused it for good."), Advice.READ, Verdict.SOFT),
}

# Why a provider did not even try. Lower case.
DROPS: tuple[tuple[str, Code], ...] = (
    (r"unsubscri|opt.?out", Code(_("The recipient unsubscribed before."), Advice.STOP, Verdict.BLOCK)),
    (r"spam content", LOOKS_LIKE_SPAM),
    (r"spam|complain", Code(_("The recipient reported an earlier email as spam."), Advice.STOP, Verdict.BLOCK)),
    (r"bounce", Code(_("An earlier email to this address bounced."), Advice.ADDRESS, Verdict.BLOCK)),
    (
        r"suppress|black ?list|block ?list|blocked",
        Code(_("The address is on a list of addresses that are not mailed."), Advice.NOTHING, Verdict.BLOCK),
    ),
    (
        r"invalid|syntax|not valid|malformed",
        Code(_("The address is not written in a valid form."), Advice.ADDRESS, Verdict.BLOCK),
    ),
    (
        r"quota|credit|limit",
        Code(_("The sending account has nothing left to send with."), Advice.SETTINGS, Verdict.BLOCK),
    ),
)
