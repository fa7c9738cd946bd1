"""Adds to an email what tells of opens, clicks and unsubscribing, and nothing else: the rest is left as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from django.conf import settings

from tracking.markup import Leave, Link, html_pieces, text_pieces
from tracking.tokens import Signer, mailbox

if TYPE_CHECKING:
    from tracking.markup import Piece
    from tracking.switches import Switches

# What many recipients get alike is read once. Larger texts are read each time, so that memory has a bound.
PLANS, LARGEST_KEPT = 32, 256 * 1024
FOOTER = (
    '<p style="margin:16px 0;text-align:center;font:12px/1.5 Arial,Helvetica,sans-serif;color:#6b7280">'
    '<a href="{}" style="color:#6b7280">{}</a></p>'
)
PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'
# AMP for email has pictures of its own, over https alone, and is no email any more beyond this size (amp.dev: "AMP for
# Email Format"). Its styles stand in its head.
AMP_FOOTER = '<p><a href="{}">{}</a></p>'
AMP_PIXEL = '<amp-img src="{}" width="1" height="1" layout="fixed" alt=""></amp-img>'
LARGEST_AMP = 200_000


@dataclass(slots=True)
class Tracked:
    """The texts as they go out, and the headers that go with them (to be signed, RFC 8058)."""

    html: str
    text: str
    amp: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def base_of(host: str) -> str:
    """The address that links begin with: of this host, or with "" of the site itself."""
    if not host:
        return str(settings.LIVEFEEDS_URL)
    return host if "://" in host else f"{settings.LIVEFEEDS_URL.partition('://')[0]}://{host}"


def tracked(
    html: str,
    text: str,
    *,
    switches: Switches,
    email_id: int,
    account_id: int,
    host: str = "",
    mail_domain: str = "",
    amp: str = "",
) -> Tracked:
    """An email's texts with what the switches say. `amp` is its third form (text/x-amp-html).

    `host` is the tracking host of the sender's domain, `mail_domain` the domain whose mail for u+... comes back here
    (without it nobody can unsubscribe by mail). A placeholder for the address to unsubscribe at is always filled; the
    switch decides about the footer and the headers.
    """
    signer = Signer(account_id, email_id, base_of(host or switches.host))
    leave = signer.leave()
    done = Tracked(html, text, amp)
    if html and _is_concerned(html, switches):
        done.html = _html(html, switches, signer, leave)
    if amp and _is_concerned(amp, switches):
        done.amp = _amp(amp, switches, signer, leave)
    if text and (switches.text_links or switches.unsubscribe or _has_placeholder(text)):
        done.text = _text(text, switches, signer, leave)
    if switches.unsubscribe:
        ways = [f"<{leave}>"]
        if mail_domain:
            ways.append(f"<mailto:{mailbox(account_id, email_id)}@{mail_domain}?subject=unsubscribe>")
        done.headers = {"List-Unsubscribe": ", ".join(ways), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return done


def _is_concerned(source: str, switches: Switches) -> bool:
    return switches.open or switches.click or switches.unsubscribe or _has_placeholder(source)


def _has_placeholder(source: str) -> bool:
    return "[%" in source or "{{" in source


def _amp(source: str, switches: Switches, signer: Signer, leave: str) -> str:
    """The same for AMP; as it was where it would be too large to be shown, as the HTML is there as well."""
    pixel = AMP_PIXEL if leave.startswith("https:") else ""
    made = _html(source, switches, signer, leave, AMP_FOOTER, pixel)
    return made if len(made.encode("utf-8", "replace")) <= LARGEST_AMP else source


def _html(source: str, switches: Switches, signer: Signer, leave: str, footer: str = FOOTER, pixel: str = PIXEL) -> str:
    pieces = (_kept_html if len(source) <= LARGEST_KEPT else html_pieces)(source)
    made: list[str] = []
    placed = False
    for piece in pieces:
        if isinstance(piece, str):
            made.append(piece)
        elif isinstance(piece, Link):
            made.append(signer.link(piece.target, piece.note) if switches.click else piece.written)
        elif isinstance(piece, Leave):
            made.append(leave)
            placed = True
        else:
            end = len(made)
            made.append("")
    if switches.unsubscribe and not placed:
        made[end] = footer.format(leave, _in_any_charset(switches.footer))
    if switches.open:
        made[end] += pixel.format(signer.pixel())
    return "".join(made)


def _in_any_charset(text: str) -> str:
    return escape(text).encode("ascii", "xmlcharrefreplace").decode()


def _text(source: str, switches: Switches, signer: Signer, leave: str) -> str:
    keep = len(source) <= LARGEST_KEPT
    pieces = (_kept_text if keep else text_pieces)(source, links=switches.text_links)
    made: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            made.append(piece)
        elif isinstance(piece, Link):
            made.append(signer.link(piece.target, piece.note))
        else:
            made.append(leave)
    if switches.unsubscribe and not any(isinstance(piece, Leave) for piece in pieces):
        newline = "\r\n" if "\r\n" in source else "\n"
        made.append(f"{newline * 2}-- {newline}{switches.footer}: {leave}{newline}")
    return "".join(made)


@lru_cache(PLANS)
def _kept_html(source: str) -> tuple[Piece, ...]:
    return tuple(html_pieces(source))


@lru_cache(PLANS)
def _kept_text(source: str, *, links: bool) -> tuple[Piece, ...]:
    return tuple(text_pieces(source, links=links))


def forget() -> None:
    """Let go what was read, for who measures reading."""
    _kept_html.cache_clear()
    _kept_text.cache_clear()
