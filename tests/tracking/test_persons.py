"""Person or machine: scanners as the facts describe them, and people of every kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.make import NOON
from tracking.persons import SCORES, Verdict, Visit, judge

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18 Safari/605"
)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
EDGE = CHROME + " Edg/130.0"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/7.0; Microsoft Outlook 16.0.5435)"
THUNDERBIRD = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.1.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
A, B, C, D = (f"https://example.com/{letter}" for letter in "abcd")
HOME, OFFICE, PHONE = "203.0.113.7", "198.51.100.20", "192.0.2.44"


def visit(seconds: float, agent: str, url: str = "", ip: str = HOME, *facts: str) -> Visit:
    """So many seconds after the delivery."""
    return Visit(NOON + timedelta(seconds=seconds), ip, agent, url, frozenset(facts))


def verdicts(*visits: Visit) -> list[Verdict]:
    return [judge(one, NOON, [other for other in visits if other is not one]).verdict for one in visits]


def sweep(count: int, start: float = 43, agent: str = CHROME, gap: float = 0.1, **fields: Any) -> list[Visit]:
    return [visit(start + n * gap, agent, f"https://example.com/{n}", "40.94.1.2", *fields) for n in range(count)]


MACHINES: dict[str, list[Visit]] = {
    "Apple's privacy proxy, hours later": [visit(7200, "Mozilla/5.0", "", "172.225.1.1")],
    "Apple's privacy proxy, at once": [visit(3, "Mozilla/5.0", "", "172.225.1.1")],
    "Gmail ahead, by its odd browser": [visit(40, GMAIL_AHEAD)],
    "Gmail ahead, within seconds": [visit(2, GMAIL, "", "66.249.84.1")],
    "Yahoo ahead, within seconds": [visit(4, YAHOO)],
    "Barracuda by name": [visit(30, "Barracuda Sentinel (EE)", A)],
    "Proofpoint by name": [visit(600, "Mozilla/5.0 (compatible; Proofpoint URL Defense)", A)],
    "Mimecast by name": [visit(60, "Mimecast-TTP/1.0", A)],
    "Barracuda by its network": [visit(70, CHROME, A, "209.222.82.14")],
    "Slack": [visit(900, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", A)],
    "WhatsApp": [visit(900, "WhatsApp/2.23.20.0", A)],
    "Telegram": [visit(900, "TelegramBot (like TwitterBot)", A)],
    "Discord": [visit(900, "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", A)],
    "Facebook": [visit(900, "facebookexternalhit/1.1", A)],
    "LinkedIn": [visit(900, "LinkedInBot/1.0 (compatible; Mozilla/5.0)", A)],
    "Skype": [visit(900, "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", A)],
    "a script": [visit(900, "python-requests/2.32.3", A)],
    "curl": [visit(900, "curl/8.5.0", A)],
    "Apache HttpClient": [visit(900, "Apache-HttpClient/4.5 (Java/17)", A)],
    "a browser without a head": [visit(900, CHROME.replace("Chrome", "HeadlessChrome"), A)],
    "a search engine": [visit(9000, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", A)],
    "HEAD, then GET, by a browser's name": [visit(50, CHROME, A, HOME, "head"), visit(50.4, CHROME, A, HOME)],
    "a link nobody can see": [visit(50, CHROME, A, "40.94.1.2", "hidden")],
    "three links at once": sweep(3),
    "ten links at once, after a median of 43 s": sweep(10),
    "four links at once after four minutes": sweep(4, 240),
    "five links at once a moment after the delivery": sweep(5, 1),
    "links from several addresses": [visit(43 + n / 9, CHROME, url, f"40.94.1.{n}") for n, url in enumerate((A, B, C))],
    "the pixel of who then follows all links": [visit(34, CHROME, "", "40.94.1.2"), *sweep(5)],
    "many emails at once from Google's network": [visit(2, CHROME, A, "66.249.93.7", "crowd")],
    "before the delivery, without a language, from Microsoft's": [visit(-20, CHROME, A, "40.93.1.2", "mute")],
    "a link ahead of its click, as a browser says": [visit(900, CHROME, A, HOME, "prefetch")],
    "a nameless program before the delivery": [visit(-20, "", A)],
}  # fmt: skip
PEOPLE: dict[str, list[Visit]] = {
    "an open": [visit(3600, IPHONE)],
    "an open and a click": [visit(3600, IPHONE), visit(3620, SAFARI, A)],
    "one link at once after the delivery": [visit(1, CHROME, A)],
    "an open and a link at once after the delivery": [visit(1, IPHONE), visit(3, IPHONE, A)],
    "an open a second before the delivery is known": [visit(-1, IPHONE)],
    "a click a second before the delivery is known": [visit(-1, IPHONE, A)],
    "a code that is awaited: opened and followed within two seconds": [visit(0.5, ANDROID), visit(1.5, ANDROID, A)],
    "two links quickly": [visit(30, CHROME, A), visit(31, CHROME, B)],
    "three links in ten seconds": [visit(30, CHROME, A), visit(35, CHROME, B), visit(40, CHROME, C)],
    "three tabs in five seconds": [visit(30, CHROME, A), visit(32.5, CHROME, B), visit(35, CHROME, C)],
    "the same link three times": [visit(30 + n, CHROME, A) for n in range(3)],
    "a double click": [visit(30, CHROME, A), visit(30.1, CHROME, A)],
    "two links, both doubled": [
        visit(30, CHROME, A),
        visit(30.1, CHROME, A),
        visit(31, CHROME, B),
        visit(31.1, CHROME, B),
    ],
    "four links in a minute": [visit(30 + 15 * n, CHROME, url) for n, url in enumerate((A, B, C, D))],
    "phone, then desk": [visit(60, IPHONE, "", PHONE), visit(4000, CHROME, "", OFFICE), visit(4010, CHROME, A, OFFICE)],
    "phone and tablet at once": [visit(60, IPHONE, "", PHONE), visit(61, SAFARI, "", HOME)],
    "the same link on the phone and at the desk": [visit(60, IPHONE, A, PHONE), visit(70, CHROME, A, OFFICE)],
    "forwarded to a colleague": [visit(60, CHROME, A, OFFICE), visit(300, FIREFOX, A, PHONE)],
    "Gmail at night": [visit(30000, GMAIL, "", "66.249.84.1")],
    "Gmail half a minute later, and a click": [visit(30, GMAIL, "", "66.249.84.1"), visit(45, ANDROID, A)],
    "Yahoo": [visit(300, YAHOO, "", "74.6.1.1")],
    "Yahoo and a click": [visit(300, YAHOO, "", "74.6.1.1"), visit(310, CHROME, A)],
    "Outlook": [visit(300, OUTLOOK, "", OFFICE)],
    "Outlook, opened again and again": [visit(300 + n, OUTLOOK, "", OFFICE) for n in range(6)],
    "Outlook and the browser": [visit(300, OUTLOOK, "", OFFICE), visit(320, EDGE, A, OFFICE)],
    "Thunderbird": [visit(300, THUNDERBIRD)],
    "Thunderbird and Firefox": [visit(300, THUNDERBIRD), visit(305, FIREFOX, A)],
    "Apple Mail without the proxy": [visit(300, IPHONE)],
    "a newsletter of an office": [visit(300, OUTLOOK, "", OFFICE, "crowd")],
    "a click in a crowded office": [visit(300, EDGE, A, OFFICE, "crowd")],
    "a click at once in a crowded office": [visit(2, EDGE, A, OFFICE, "crowd")],
    "a browser that names no language": [visit(300, CHROME, A, HOME, "mute")],
    "at once, without a language": [visit(2, CHROME, A, HOME, "mute")],
    "no name at all": [visit(300, "", A)],
    "no name at all, opened": [visit(300, "")],
    "a mobile network that changes the address": [visit(60, ANDROID, "", PHONE), visit(62, ANDROID, A, "192.0.2.99")],
    "years later": [visit(3e7, CHROME, A)],
    "after the scanner swept": [visit(500, CHROME, A)],
    "Samsung": [visit(200, ANDROID.replace("Chrome", "SamsungBrowser/26.0 Chrome"), A)],
    "an old Internet Explorer": [visit(200, "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", A)],
    "somebody who works at Apple": [visit(2, SAFARI, "", "17.1.2.3"), visit(8, SAFARI, A, "17.1.2.3")],
    "a newsletter of Apple's": [visit(300, IPHONE, "", "17.1.2.3", "crowd")],
    "somebody who works at Google": [visit(300, CHROME, A, "74.125.1.2")],
    "somebody whose mail is read at Microsoft's": [visit(1, EDGE, A, "2a01:111:f400::5")],
    "an unknown mail program": [visit(200, "SuperMail/1.0")],
    "both links of two in one second": [visit(20, CHROME, A), visit(20.8, CHROME, B)],
    "opened in the preview, read later": [visit(5, OUTLOOK), visit(4000, OUTLOOK), visit(4100, EDGE, A)],
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_labelled(name: str) -> None:
    assert set(verdicts(*MACHINES[name])) == {Verdict.MACHINE}


@pytest.mark.parametrize("name", PEOPLE)
def test_a_person_is_never_taken_for_a_machine(name: str) -> None:
    assert Verdict.MACHINE not in verdicts(*PEOPLE[name])


def test_there_are_forty_kinds_of_people() -> None:
    assert len(PEOPLE) >= 40


def test_a_person_who_comes_after_the_scanner_is_a_person() -> None:
    scanner = sweep(10)
    assert verdicts(*scanner, visit(300, CHROME, A))[-1] == Verdict.PERSON
    assert verdicts(*scanner, visit(90, IPHONE, "", PHONE))[-1] == Verdict.PERSON


def test_a_providers_network_is_a_sign_but_none_of_its_own() -> None:
    assert judge(visit(300, CHROME, A, "74.125.1.2"), NOON, ()).comment == "provider-network"
    assert judge(visit(300, CHROME, A, "2a00:1450:4001::1"), NOON, ()).verdict == Verdict.PERSON
    assert judge(visit(2, CHROME, A, "17.1.2.3"), NOON, ()).comment == "unsure, provider-network, at-delivery"
    # Its own proxy is there for somebody who looks.
    assert judge(visit(300, GMAIL, "", "66.249.84.1"), NOON, ()).reasons == ()


def test_what_cannot_be_told_is_said_to_be_unsure() -> None:
    assert verdicts(visit(300, "", A)) == [Verdict.UNSURE]
    assert judge(visit(300, "", A), NOON, ()).comment == "unsure, nameless"


def test_nobody_says_when_it_was_delivered() -> None:
    assert judge(visit(1, GMAIL), None, ()).verdict == Verdict.PERSON
    assert judge(visit(1, CHROME, A), None, ()).reasons == ()


VISITS = st.builds(
    visit, st.floats(-60, 600), st.text(max_size=40), st.sampled_from(["", A, B, C, D]),
    st.sampled_from([HOME, OFFICE, "", "not an address", "::1"]),
)  # fmt: skip


@given(st.lists(VISITS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_does_not_matter_and_each_reason_has_words(visits: list[Visit], chance: Any) -> None:
    from feeds.visits import names, words

    judged = judge(visits[0], NOON, visits[1:])
    rest = visits[1:]
    chance.shuffle(rest)
    assert judge(visits[0], NOON, rest) == judged
    assert names(judged.comment) == [*(["unsure"] if judged.verdict == Verdict.UNSURE else []), *judged.reasons]
    assert all(str(SCORES[name]) for name in judged.reasons)
    assert words(judged.comment) != judged.comment or not judged.comment
