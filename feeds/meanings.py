"""What each status says, what it does not say, and what to do. Also the titles of the badges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from feeds.events import Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Meaning:
    """One status: its icon, one line, what stands behind it, and what to do about it."""

    status: Status
    icon: str
    line: _StrPromise
    more: _StrPromise
    todo: _StrPromise

    @property
    def anchor(self) -> str:
        """Where the status stands on its page."""
        return self.status.name.lower()


MEANINGS = (
    Meaning(
        Status.PROCESSED, "clock",
        _("Accepted and waiting to go out."),
        _(
            "It may wait because it is queued or scheduled, because the recipient's server slows mail down or "
            "refused it for now, because of a daily limit, or because the sending account is out of credits or "
            "switched off."
        ),
        _(
            "Minutes are normal. After an hour, look at the comment and at the badge: “retrying” has the "
            "server's last answer, and any other says what it waits for. Temporary refusals are tried again for days."
        ),
    ),
    Meaning(
        Status.SENT, "send",
        _("Handed over; no answer from the destination yet."),
        _(
            "It left the outgoing server. Nobody has said yet whether the recipient's server took it. Some "
            "providers never say more than this, even when the email arrived."
        ),
        _("Wait for the answer. If this provider always stops here, switch on its “delivered” event."),
    ),
    Meaning(
        Status.DELIVERED, "circle-check",
        _("The recipient's server accepted it."),
        _(
            "Accepted is not the same as seen: the server may still have put it into spam or another folder. No "
            "sender can see that from outside."
        ),
        _(
            "If somebody cannot find it, ask them to look in spam and other folders, and tell them the time and "
            "the comment: with these their administrator can trace it."
        ),
    ),
    Meaning(
        Status.BOUNCED, "mail-x",
        _("Refused for good."),
        _(
            "A hard bounce means that the address or its domain does not exist or never accepts mail. A soft "
            "bounce became final because a full mailbox, a large message or a busy server did not get better in "
            "time."
        ),
        _(
            "Hard: correct the address; it is on the suppression list now. Soft: the address may be fine, send "
            "again later. The comment is the server's answer, word for word."
        ),
    ),
    Meaning(
        Status.OPENED, "mail-opened",
        _("A person's mail program loaded its pictures."),
        _(
            "Proxies and scanners load pictures as well. Those that are known are counted apart as machine "
            "opens and do not make this status. Who blocks pictures reads without ever counting."
        ),
        _("Take it as a sign, not as proof. No open does not mean unread."),
    ),
    Meaning(
        Status.CLICKED, "hand-click",
        _("A person followed a link in it."),
        _(
            "The unsubscribe link does not count. Links followed by security scanners, often within seconds of "
            "delivery, are counted apart."
        ),
        _("Nothing to do. The email's page lists which link, and when."),
    ),
    Meaning(
        Status.UNSUBSCRIBED, "user-minus",
        _("The recipient asked for no more of these."),
        _("By the link, by the button of their mail program, or through the provider."),
        _("The address is on the suppression list. Mail it again only if the person asks for it."),
    ),
    Meaning(
        Status.SPAM, "flag",
        _("The recipient reported it as spam."),
        _(
            "Their mailbox provider passed the complaint on. Few complaints are enough to harm the delivery of "
            "all your mail."
        ),
        _(
            "The address is on the suppression list; leave it there. Look at what was sent to whom, and how "
            "they got on the list."
        ),
    ),
    Meaning(
        Status.DROPPED, "ban",
        _("Never sent."),
        _(
            "The address is on a suppression list, because of an earlier hard bounce, complaint or "
            "unsubscription or because somebody put it there, or it is not a valid address."
        ),
        _("The comment gives the reason. If the reason is gone, take the address off the list and send again."),
    ),
)  # fmt: skip
BY_STATUS = {meaning.status: meaning for meaning in MEANINGS}
