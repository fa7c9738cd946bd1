"""Which program opened an email: the common ones by name, the others as they name themselves."""

from __future__ import annotations

import pytest
from django.utils import translation

from feeds import agents

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0"


@pytest.mark.parametrize(
    ("user_agent", "program"),
    [
        ("Mozilla/5.0 (Windows NT 5.1) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "Gmail's image proxy"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "Yahoo's image proxy"),
        ("Mozilla/5.0", "Apple's privacy proxy, or a program that hides its name"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Mobile/15E148", "Apple Mail on iPhone"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}", "Apple Mail on Mac"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15", "Safari on Mac"),
        (
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Win64; x64; Trident/7.0; Microsoft Outlook 16.0.5435)",
            "Outlook (Windows)",
        ),
        ("Outlook-iOS/2.0", "Outlook (iOS)"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.1.0", "Thunderbird"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Safari/537.36 Edg/130.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 14) {BLINK} Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "a robot"),
        ("curl/8.5.0", "a script"),
        ("Mozilla/5.0 (X11)", "a program on Linux"),
        ("Something/1", "Something/1"),
        ("y" * 90, "y" * 59 + "…"),
        ("", ""),
    ],
)
def test_programs_are_named_as_people_know_them(user_agent: str, program: str) -> None:
    with translation.override("en"):
        assert agents.program(user_agent) == program
