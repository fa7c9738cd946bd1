"""Which program opened an email or followed a link, in words a person knows, and whether it is one that does so by
itself: a small table, no device database."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def _says(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


class Nature(StrEnum):
    """What kind of program it is, as far as that says who is behind it."""

    PERSON = ""
    APPLE = "apple"
    GMAIL = "gmail"
    GMAIL_AHEAD = "gmail-ahead"
    YAHOO = "yahoo"
    SCANNER = "scanner"
    PREVIEW = "preview"
    PROGRAM = "program"


# What names itself. The first that fits: proxies and scanners pretend to be browsers, mail programs contain them.
NAMED: tuple[tuple[re.Pattern[str], str | _StrPromise, Nature], ...] = (
    (_says(r"googleimageproxy"), gettext_lazy("Gmail's image proxy"), Nature.GMAIL),
    # What Gmail loads before anybody looks comes as a browser of 2015 (seen by several senders; Google names none).
    (_says(r"chrome/42\.0\.2311\.135 .*edge/12\.246"), gettext_lazy("Gmail, before anybody looks"), Nature.GMAIL_AHEAD),
    (_says(r"yahoomailproxy"), gettext_lazy("Yahoo's image proxy"), Nature.YAHOO),
    (_says(r"^mozilla/[45]\.0$"),
     gettext_lazy("Apple's privacy proxy, or a program that hides its name"), Nature.APPLE),
    (_says(r"barracuda"), gettext_lazy("Barracuda's scanner"), Nature.SCANNER),
    (_says(r"proofpoint|urldefense"), gettext_lazy("Proofpoint's scanner"), Nature.SCANNER),
    (_says(r"mimecast"), gettext_lazy("Mimecast's scanner"), Nature.SCANNER),
    (_says(r"trendmicro|trend micro|sophos|ironport|fireeye|forcepoint|symantec|messagelabs"),
     gettext_lazy("a security scanner"), Nature.SCANNER),
    (_says(r"bingpreview|skypeuripreview|microsoftpreview|safelinks"),
     gettext_lazy("a preview made by Microsoft"), Nature.PREVIEW),
    (_says(r"facebookexternalhit|whatsapp|telegrambot|twitterbot|linkedinbot|slackbot|slack-imgproxy|discordbot"
           r"|redditbot|pinterestbot|line-poker|iframely|embedly"),
     gettext_lazy("a preview made by a messenger"), Nature.PREVIEW),
    (_says(r"headlesschrome|phantomjs|puppeteer|playwright|selenium"),
     gettext_lazy("a browser run by a program"), Nature.PROGRAM),
    (_says(r"^(?:curl|wget|python|go-http|java|okhttp|ruby|php|node|axios|libwww|apache-http|aiohttp|httpx|dart)"),
     gettext_lazy("a script"), Nature.PROGRAM),
    (_says(r"bot\b|spider|crawl|scanner"), gettext_lazy("a robot"), Nature.PROGRAM),
    *((_says(pattern), name, Nature.PERSON) for pattern, name in (
        (r"outlook-ios", "Outlook (iOS)"),
        (r"outlook-android", "Outlook (Android)"),
        (r"macoutlook", "Outlook (Mac)"),
        (r"microsoft (?:office )?outlook|ms-?office|outlook-express|msoutlook", "Outlook (Windows)"),
        (r"windows ?live ?mail|windowsmail", "Windows Mail"),
        (r"thunderbird", "Thunderbird"),
        (r"lotus-?notes|hcl ?notes", "Notes"),
        (r"em ?client", "eM Client"),
        (r"postbox", "Postbox"),
        (r"airmail", "Airmail"),
        (r"superhuman", "Superhuman"),
        (r"samsung ?e?mail", "Samsung Email"),
        (r"the bat!", "The Bat!"),
        (r"evolution/", "Evolution"),
        (r"kmail", "KMail"),
    )),
)  # fmt: skip
# Each browser also says the names below its own.
BROWSERS = (
    (_says(r"\bedg(?:e|a|ios)?/"), "Edge"),
    (_says(r"\bopr/|\bopera"), "Opera"),
    (_says(r"samsungbrowser/"), "Samsung Internet"),
    (_says(r"yabrowser/"), "Yandex Browser"),
    (_says(r"vivaldi/"), "Vivaldi"),
    (_says(r"firefox/|fxios/"), "Firefox"),
    (_says(r"chrome/|crios/|chromium/"), "Chrome"),
    (_says(r"version/.*safari/"), "Safari"),
    (_says(r"trident/|msie "), "Internet Explorer"),
)
SYSTEMS = (
    (_says(r"iphone"), "iPhone"),
    (_says(r"ipad"), "iPad"),
    (_says(r"android"), "Android"),
    (_says(r"windows"), "Windows"),
    (_says(r"macintosh|mac os x"), "Mac"),
    (_says(r"\bcros\b"), "ChromeOS"),
    (_says(r"linux|x11"), "Linux"),
)
# Apple Mail is WebKit without the name of a browser behind it.
_BARE_WEBKIT = _says(r"\((?:iphone|ipad|macintosh).*applewebkit/[\d.]+ \(khtml, like gecko\)(?: mobile/\w+)?$")
LONGEST_UNKNOWN = 60


def program(user_agent: str) -> str:
    """The program behind this User-Agent header, in the language of the page; "" where there is none."""
    agent = user_agent.strip()
    named = next((name for pattern, name, _nature in NAMED if pattern.search(agent)), None)
    if named is not None:
        return str(named)
    browser = "Apple Mail" if _BARE_WEBKIT.search(agent) else _first(BROWSERS, agent)
    system = _first(SYSTEMS, agent)
    if browser and system:
        return _("%(program)s on %(system)s") % {"program": browser, "system": system}
    if browser or system:
        return browser or _("a program on %(system)s") % {"system": system}
    return agent if len(agent) <= LONGEST_UNKNOWN else agent[: LONGEST_UNKNOWN - 1] + "…"


def nature(user_agent: str) -> Nature:
    """What kind of program sends this User-Agent header."""
    agent = user_agent.strip()
    return next((nature for pattern, _name, nature in NAMED if pattern.search(agent)), Nature.PERSON)


def _first(table: tuple[tuple[re.Pattern[str], str], ...], agent: str) -> str:
    return next((name for pattern, name in table if pattern.search(agent)), "")
