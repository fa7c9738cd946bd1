"""How each provider tells what happened: one writer per provider, from a happening to its own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from feeds.events import Bounce, Kind
from simulator.world import AS_PEOPLE, Happening

type Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """A provider's webhook. `words` are its names of the kinds it tells, `share` is its part of all emails.

    `most` is how many events it puts into one request; with one, the event is the request. `message_id` is what the
    feed shall know the email by. `told_as` are kinds it takes for others.
    """

    name: str
    share: float
    words: Mapping[Kind, str]
    write: Callable[[Happening, str], Told]
    message_id: Callable[[Happening], str]
    most: int = 1
    told_as: Mapping[Kind, Kind] | None = None

    def kind(self, happening: Happening) -> Kind | None:
        """What it says this was; None where it says nothing of such things."""
        kind = (self.told_as or {}).get(happening.kind, happening.kind)
        return kind if kind in self.words else None

    def tell(self, happening: Happening) -> Told | None:
        """Its record of this, or None."""
        kind = self.kind(happening)
        return None if kind is None else self.write(happening, self.words[kind])

    def body(self, told: Sequence[Told]) -> bytes:
        """The request that tells these."""
        return json.dumps(list(told) if self.most > 1 else told[0]).encode()


def epoch(happening: Happening) -> int:
    return int(happening.at.timestamp())


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid(happening: Happening) -> str:
    return str(UUID(hex=happening.email.id.rjust(32, "0")))


def event_id(happening: Happening) -> str:
    return f"{happening.email.id}-{happening.number}"


def code(reply: str) -> int:
    """The basic code a reply begins with."""
    return int(reply[:3]) if reply[:3].isdecimal() else 0


# ---- SendGrid: a list ---------------------------------------------------------------------------------------


def sendgrid(happening: Happening, word: str) -> Told:
    email, kind = happening.email, happening.kind
    told: Told = {
        "email": email.to.address,
        "timestamp": epoch(happening),
        "smtp-id": f"<{email.id}@geopod-ismtpd-7>",
        "event": word,
        "category": list(email.sender.tags),
        "sg_event_id": event_id(happening),
        "sg_message_id": f"{email.id}.recvd-5f54b5d587-{happening.number:05d}-1-65A4F1C2-3.0",
        "campaign": email.campaign,
    }
    if kind is Kind.DEFERRED:
        told |= {"response": happening.reply, "attempt": str(happening.number), "tls": 1}
    elif kind is Kind.DELIVERED:
        told |= {"response": happening.reply, "ip": "192.0.2.25", "tls": 1}
    elif kind is Kind.BOUNCED:
        hard = happening.bounce is Bounce.HARD
        told |= {"reason": happening.reply, "type": "bounce" if hard else "blocked", "ip": "192.0.2.25"}
        told["bounce_classification"] = "Invalid Address" if hard else "Reputation"
    elif kind is Kind.DROPPED:
        told["reason"] = happening.reply
    elif kind in (Kind.OPENED, Kind.MACHINE_OPENED):
        told |= {"sg_machine_open": kind is Kind.MACHINE_OPENED, "sg_content_type": "html"}
    return told | reading(happening, url="url", ip="ip", agent="useragent")


def reading(happening: Happening, *, url: str, ip: str, agent: str) -> Told:
    """What is known of whoever reads it, under these names."""
    told = {url: happening.url, ip: happening.ip, agent: happening.agent}
    return {name: value for name, value in told.items() if value}


# ---- Mailgun: one event -------------------------------------------------------------------------------------


def mailgun(happening: Happening, word: str) -> Told:
    email, kind, reply = happening.email, happening.kind, happening.reply
    told: Told = {
        "event": word,
        "id": event_id(happening),
        "timestamp": happening.at.timestamp(),
        "recipient": email.to.address,
        "recipient-domain": email.to.address.rpartition("@")[2],
        "tags": list(email.sender.tags),
        "campaigns": [],
        "user-variables": {"campaign": email.campaign},
        "envelope": {"sender": email.sender.address, "transport": "smtp", "targets": email.to.address},
        "message": {
            "headers": {
                "to": email.to.address,
                "from": f"{email.sender.name} <{email.sender.address}>",
                "subject": email.subject,
                "message-id": mailgun_id(happening).strip("<>"),
            },
            "size": 18213,
        },
    }
    if kind in (Kind.BOUNCED, Kind.DEFERRED):
        told |= {"severity": "temporary" if kind is Kind.DEFERRED else "permanent", "log-level": "error"}
        told["reason"] = "generic" if happening.bounce is not Bounce.HARD else "bounce"
        told["delivery-status"] = {"code": code(reply), "message": reply, "attempt-no": happening.number}
    elif kind is Kind.DELIVERED:
        told["delivery-status"] = {"code": 250, "message": reply, "attempt-no": happening.number, "tls": True}
    elif kind is Kind.DROPPED:
        told |= {"severity": "permanent", "reason": "suppress-bounce"}
        told["delivery-status"] = {"code": 605, "message": "", "description": f"Not delivering: {reply.lower()}"}
    elif happening.agent:
        machine = {"bot": "apple"} if kind is Kind.MACHINE_OPENED else {"bot": "generic"}
        by_machine = kind in (Kind.MACHINE_OPENED, Kind.MACHINE_CLICKED)
        told["client-info"] = {"client-type": "mobile browser", "user-agent": happening.agent}
        told["client-info"] |= machine if by_machine else {}
    return {"event-data": told | {name: v for name, v in (("ip", happening.ip), ("url", happening.url)) if v}}


def mailgun_id(happening: Happening) -> str:
    email = happening.email
    return f"<{email.id}@{email.sender.address.rpartition('@')[2]}>"


# ---- Postmark: one event ------------------------------------------------------------------------------------


def postmark(happening: Happening, word: str) -> Told:
    email, kind = happening.email, happening.kind
    moment, address = iso(happening.at), email.to.address
    told: Told = {
        "RecordType": word,
        "MessageID": uuid(happening),
        "ServerID": 23,
        "MessageStream": "outbound",
        "Tag": email.sender.tags[0],
        "Metadata": {"campaign": email.campaign},
    }
    if kind is Kind.DELIVERED:
        return told | {"Recipient": address, "DeliveredAt": moment, "Details": f"smtp;{happening.reply}"}
    if kind in (Kind.BOUNCED, Kind.SPAM):
        hard = happening.bounce is Bounce.HARD
        form = ("HardBounce", 1) if hard else ("SoftBounce", 4096) if kind is Kind.BOUNCED else ("SpamComplaint", 512)
        told |= {"ID": int(email.id, 16) % 10**12 * 100 + happening.number, "Type": form[0], "TypeCode": form[1]}
        told |= {"Email": address, "From": email.sender.address, "Subject": email.subject, "BouncedAt": moment}
        return told | {"Details": f"smtp;{happening.reply}" if happening.reply else "", "Inactive": hard}
    if kind is Kind.UNSUBSCRIBED:
        told |= {"Recipient": address, "ChangedAt": moment, "Origin": "Recipient"}
        return told | {"SuppressSending": True, "SuppressionReason": "ManualSuppression"}
    told |= {"Recipient": address, "ReceivedAt": moment, "UserAgent": happening.agent, "Geo": {"IP": happening.ip}}
    return told | ({"OriginalLink": happening.url, "ClickLocation": "HTML"} if happening.url else {"FirstOpen": True})


# ---- Resend: one event --------------------------------------------------------------------------------------


def resend(happening: Happening, word: str) -> Told:
    email, kind = happening.email, happening.kind
    data: Told = {
        "created_at": iso(email.born),
        "email_id": uuid(happening),
        "from": f"{email.sender.name} <{email.sender.address}>",
        "to": [email.to.address],
        "subject": email.subject,
        "tags": {"category": email.sender.tags[0], "campaign": email.campaign},
    }
    if kind is Kind.BOUNCED:
        hard = happening.bounce is Bounce.HARD
        data["bounce"] = {
            "type": "Permanent" if hard else "Transient",
            "subType": "General",
            "message": "The recipient's email provider sent a bounce message.",
            "diagnosticCode": [f"smtp; {happening.reply}"],
        }
    elif kind is Kind.DROPPED:
        data["suppressed"] = {"type": "OnAccountSuppressionList", "message": f"Not sent: {happening.reply}"}
    elif happening.url:
        moment = iso(happening.at)
        data["click"] = {"timestamp": moment} | reading(happening, url="link", ip="ipAddress", agent="userAgent")
    return {"type": word, "created_at": iso(happening.at), "data": data}


# ---- Netcore: a list ----------------------------------------------------------------------------------------


def netcore(happening: Happening, word: str) -> Told:
    email = happening.email
    told: Told = {
        "TRANSID": int(netcore_id(happening)),
        "RESPONSE": happening.reply,
        "EMAIL": email.to.address,
        "TIMESTAMP": epoch(happening),
        "FROMADDRESS": email.sender.address,
        "EVENT": word,
        "MSIZE": 18213,
        "X-APIHEADER": email.campaign,
        "TAGS": ",".join(email.sender.tags),
    }
    if happening.kind is Kind.BOUNCED:
        told["BOUNCE_TYPE"] = "HARDBOUNCE" if happening.bounce is Bounce.HARD else "SOFTBOUNCE"
    return told | reading(happening, url="URL", ip="IPADDRESS", agent="USERAGENT")


def netcore_id(happening: Happening) -> str:
    return str(int(happening.email.id, 16) % 10**18)


# ---- Our own: a list ----------------------------------------------------------------------------------------


def plain(happening: Happening, word: str) -> Told:
    email = happening.email
    told: Told = {
        "id": event_id(happening),
        "event": word,
        "message_id": email.id,
        "recipient": email.to.address,
        "occurred_at": iso(happening.at),
        "sender": email.sender.address,
        "subject": email.subject,
        "tags": list(email.sender.tags),
        "argument": email.campaign,
        "comment": happening.reply,
        "machine": happening.kind in AS_PEOPLE,
    }
    if happening.bounce is not Bounce.NONE:
        told["bounce"] = happening.bounce.name.lower()
    return told | reading(happening, url="url", ip="ip", agent="user_agent")


FORMATS: dict[str, Format] = {
    "mailgun": Format(
        "Mailgun", 22,
        {
            Kind.PROCESSED: "accepted", Kind.DEFERRED: "failed", Kind.DELIVERED: "delivered", Kind.BOUNCED: "failed",
            Kind.DROPPED: "failed", Kind.OPENED: "opened", Kind.MACHINE_OPENED: "opened", Kind.CLICKED: "clicked",
            Kind.MACHINE_CLICKED: "clicked", Kind.UNSUBSCRIBED: "unsubscribed", Kind.SPAM: "complained",
        },
        mailgun, mailgun_id,
    ),
    "netcore": Format(
        "Netcore", 20,
        {
            Kind.PROCESSED: "processed", Kind.DELIVERED: "sent", Kind.BOUNCED: "bounced", Kind.DROPPED: "dropped",
            Kind.OPENED: "opened", Kind.CLICKED: "clicked", Kind.UNSUBSCRIBED: "unsubscribed", Kind.SPAM: "spam",
        },
        netcore, netcore_id, most=100, told_as=AS_PEOPLE,
    ),
    "plain": Format(
        "Plain JSON", 20,
        {
            Kind.PROCESSED: "processed", Kind.DEFERRED: "deferred", Kind.DELIVERED: "delivered",
            Kind.BOUNCED: "bounced", Kind.DROPPED: "dropped", Kind.OPENED: "opened", Kind.MACHINE_OPENED: "opened",
            Kind.CLICKED: "clicked", Kind.MACHINE_CLICKED: "clicked", Kind.UNSUBSCRIBED: "unsubscribed",
            Kind.SPAM: "spam",
        },
        plain, lambda happening: happening.email.id, most=100,
    ),
    "postmark": Format(
        "Postmark", 8,
        {
            Kind.DELIVERED: "Delivery", Kind.BOUNCED: "Bounce", Kind.OPENED: "Open", Kind.CLICKED: "Click",
            Kind.UNSUBSCRIBED: "SubscriptionChange", Kind.SPAM: "SpamComplaint",
        },
        postmark, uuid, told_as=AS_PEOPLE,
    ),
    "resend": Format(
        "Resend", 18,
        {
            Kind.PROCESSED: "email.sent", Kind.DEFERRED: "email.delivery_delayed", Kind.DELIVERED: "email.delivered",
            Kind.BOUNCED: "email.bounced", Kind.DROPPED: "email.suppressed", Kind.OPENED: "email.opened",
            Kind.CLICKED: "email.clicked", Kind.SPAM: "email.complained",
        },
        resend, uuid, told_as=AS_PEOPLE,
    ),
    "sendgrid": Format(
        "SendGrid", 12,
        {
            Kind.PROCESSED: "processed", Kind.DEFERRED: "deferred", Kind.DELIVERED: "delivered",
            Kind.BOUNCED: "bounce", Kind.DROPPED: "dropped", Kind.OPENED: "open", Kind.MACHINE_OPENED: "open",
            Kind.CLICKED: "click", Kind.UNSUBSCRIBED: "unsubscribe", Kind.SPAM: "spamreport",
        },
        sendgrid, lambda happening: happening.email.id, most=100, told_as={Kind.MACHINE_CLICKED: Kind.CLICKED},
    ),
}  # fmt: skip
