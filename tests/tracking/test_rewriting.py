"""What tracking makes of an email: its links, the pixel, the way out, and not a byte else."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import tokens
from tracking.rewriting import FOOTER, PIXEL, Tracked, tracked
from tracking.switches import Switches
from tracking.tokens import Purpose, Signer

OFF = Switches(open=False, click=False, unsubscribe=False)
CLICKS = Switches(open=False, unsubscribe=False)
BASE = "https://links.example.com"
SIGNER = Signer(7, 8, BASE)
OURS = re.compile(re.escape(BASE) + r"/t/c/([\w-]{33})/([\w-]+)")


def made(html: str, text: str = "", switches: Switches = CLICKS, **fields: Any) -> Tracked:
    return tracked(html, text, switches=switches, email_id=8, account_id=7, host=BASE, **fields)


def targets(html: str) -> list[str]:
    """Where the tracked links of what was made lead."""
    found = [tokens.read(Purpose.LINK, *match.groups()) for match in OURS.finditer(html)]
    assert all(found)
    return [named.target for named in found if named]


def undone(html: str) -> str:
    """The same with each tracked link as its target: for sources whose links are written as they are."""
    return OURS.sub(lambda match: getattr(tokens.read(Purpose.LINK, *match.groups()), "target", "?"), html)


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ('<a href="https://example.com/a?b=1&amp;c=2">x</a>', "https://example.com/a?b=1&c=2"),
        ("<A HREF='https://example.com/'>x</A>", "https://example.com/"),
        ("<a class=b href=https://example.com/a/b>x</a>", "https://example.com/a/b"),
        ('<a\n title="a > b"\n href = " https://example.com/ ">x</a>', "https://example.com/"),
        ('<a title=it\'s href="https://example.com/">x</a>', "https://example.com/"),
        ('<map><area href="https://example.com/"></map>', "https://example.com/"),
        ('<!--[if mso]><v:roundrect href="https://example.com/" arcsize="8%"><![endif]-->', "https://example.com/"),
        ('<!--[if (gte mso 9)|(IE)]><a href="https://example.com/">x</a><![endif]-->', "https://example.com/"),
        ('<!--[if !mso]><!--><a href="https://example.com/">x</a><!--<![endif]-->', "https://example.com/"),
        ('<![if !mso]><a href="https://example.com/">x</a><![endif]>', "https://example.com/"),
        ('<a href="https://example.com/ü ö">x</a>', "https://example.com/%C3%BC%20%C3%B6"),
        ('<a href="https://example.com/1" href="https://example.com/2">x</a>', "https://example.com/1"),
        ('<p>1 < 2 <é> <a href="https://example.com/">x</a>', "https://example.com/"),
    ],
)
def test_a_link_leads_where_it_led_and_nothing_else_is_touched(written: str, target: str) -> None:
    html = made(written).html
    assert targets(html) == [target]
    before, after = OURS.split(html)[0], OURS.split(html)[-1]
    assert written.startswith(before)
    assert written.endswith(after)


@pytest.mark.parametrize(
    "written",
    ['<a href="mailto:bob@example.com">x</a>', '<a href="tel:+49">x</a>', '<a href="#top">x</a>', "<a>x</a>",
     '<a href="cid:part1">x</a>', '<a href="javascript:void(0)">x</a>', '<a href="">x</a>', "<a href>x</a>",
     '<a href="{{ link }}">x</a>', '<a href="https://example.com/{{ id }}">x</a>', '<a href="[%LINK%]">x</a>',
     '<a href="https://example.com/?to=[%NAME%]">x</a>', '<a href="https://example.com/" data-notrack>x</a>',
     '<link href="https://example.com/a.css">', '<base href="https://example.com/">', "https://example.com/",
     '<!-- <a href="https://example.com/">x</a> -->', '<script>"<a href=https://example.com/>"</script>',
     '<style>/* <a href="https://example.com/"> */</style>', '<img alt="<a href=\'https://example.com/\'>">',
     '<a href="https://example.com/', '<a href="https://example.com/"', "<a href='https://example.com/>x</a>", "<!-",
     '<textarea><a href="https://example.com/">', '<!--[if mso]><a href="https://example.com/">', "", "<", "</", "<!"],
)  # fmt: skip
def test_what_is_no_link_of_the_web_stays(written: str) -> None:
    assert made(written).html == written


PIECES = st.sampled_from(
    ['<a href="https://example.com/1">', "<a href='http://example.com/2'>", "<a href=https://example.com/3 >", "</a>",
     "<a", "href", "=", '"', "'", ">", "<", "/", "<!--", "-->", "<!--[if mso]>", "<![endif]-->", "<!", "<script>",
     "</script>", "<style>", "</style>", "<p class=x>", "</body>", "</html>", "<![CDATA[", "]]>", " ", "\n", "\0", "é",
     "data-notrack", "{{ x }}", "&amp;", "<title>", "</title ", "<v:rect href='https://example.com/4'>", "<?", "=''",
     "https://example.com/5", "<a href=\"https://example.com/6?a=1\" title='>'>"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=30).map("".join))
def test_nothing_but_links_changes(source: str) -> None:
    assert undone(made(source).html) == source
    assert made(source, switches=OFF).html == source
    whole = made(source, switches=Switches(footer="Leave")).html
    tail = FOOTER.format(SIGNER.leave(), "Leave") + PIXEL.format(SIGNER.pixel())
    if source:
        assert whole.count(tail) == 1
        assert undone(whole.replace(tail, "")) == source


class Links(HTMLParser):
    """The targets of links as the standard library sees them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


TEXTS = st.text("abc <>&\"'é\n", max_size=8).map(lambda text: text.replace("<", "&lt;"))
ELEMENTS = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["p", "td", "b"]), inner).map(lambda e: f'<{e[0]} title="a>b\'">{e[1]}</{e[0]}>'),
        st.tuples(st.integers(0, 99), inner).map(lambda e: f'<a class=c href="https://example.com/{e[0]}">{e[1]}</a>'),
        inner.map(lambda text: f"<!-- {text.replace('-->', '').replace('--', '')} -->"),
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=12,
)


@given(ELEMENTS)
def test_the_links_found_are_those_the_standard_library_finds(source: str) -> None:
    assert targets(made(source).html) == Links(source).found


def test_the_same_link_is_the_same_address_also_for_outlook() -> None:
    source = '<!--[if mso]><a href="https://example.com/">x</a><![endif]--><a href="https://example.com/">x</a>'
    first, second = (match[0] for match in OURS.finditer(made(source).html))
    assert first == second


def test_links_nobody_can_see_are_noted() -> None:
    source = '<a href="https://example.com/" style="display: none">x</a><a href="https://example.com/"></a><a href="https://example.com/">x</a>'
    notes = [tokens.read(Purpose.LINK, *match.groups()) for match in OURS.finditer(made(source).html)]
    assert [named.note for named in notes if named] == [1, 1, 0]


def test_footer_and_pixel_stand_at_the_end_of_the_body() -> None:
    html = made("<html><body><p>Hi</p><!-- </body> --></BODY>\n</html>", switches=Switches(footer="Über & raus")).html
    tail = FOOTER.format(SIGNER.leave(), "&#220;ber &amp; raus") + PIXEL.format(SIGNER.pixel())
    assert html == f"<html><body><p>Hi</p><!-- </body> -->{tail}</BODY>\n</html>"


def test_a_placeholder_is_filled_and_no_footer_added() -> None:
    source = '<a href="[%UNSUBSCRIBE%]">Out</a>'
    for switches in (OFF, Switches(open=False)):
        done = made(source, "Out: {{ unsubscribe }}", switches)
        assert done.html == f'<a href="{SIGNER.leave()}">Out</a>'
        assert done.text == f"Out: {SIGNER.leave()}"


def test_plain_text_gets_the_way_out_and_its_links_only_where_wanted() -> None:
    source = "See https://example.com/a_(b), or (https://example.com/c).\r\n"
    assert made("", source, CLICKS).text == source
    assert made("", source, Switches()).text == f"{source}\r\n\r\n-- \r\nUnsubscribe: {SIGNER.leave()}\r\n"
    done = made("", source, Switches(unsubscribe=False, text_links=True)).text
    assert targets(done) == ["https://example.com/a_(b)", "https://example.com/c"]
    assert undone(done) == source


@pytest.mark.parametrize(("opens", "clicks", "leaving"), list(product([True, False], repeat=3)))
def test_each_switch_does_its_own_part(opens: bool, clicks: bool, leaving: bool) -> None:
    source = '<body><a href="https://example.com/">x</a></body>'
    done = made(source, "Hi", Switches(open=opens, click=clicks, unsubscribe=leaving), mail_domain="mail.example.com")
    assert ("/t/o/" in done.html, bool(targets(done.html))) == (opens, clicks)
    assert ("/t/u/" in done.html, "/t/u/" in done.text) == (leaving, leaving)
    wanted = {
        "List-Unsubscribe": f"<{SIGNER.leave()}>, <mailto:{tokens.mailbox(7, 8)}@mail.example.com?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert done.headers == (wanted if leaving else {})


def test_links_are_of_the_site_where_no_host_is_named(settings: Any) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.example.com"
    done = tracked("<p>Hi", "", switches=Switches(), email_id=8, account_id=7)
    assert done.headers["List-Unsubscribe"].startswith("<https://feeds.example.com/t/u/1")
    done = tracked("<p>Hi", "", switches=Switches(host="links.acme.test"), email_id=8, account_id=7)
    assert done.headers["List-Unsubscribe"].startswith("<https://links.acme.test/t/u/1")


def test_time_grows_with_the_length_and_no_faster() -> None:
    for hard in ("<!", "<a ", "</a ", "<!--", "<a href='", "<a b=", "<!--[if mso]>", "<script>", '<a href="x" ', "=<"):
        assert made(hard * 20_000).html == hard * 20_000


def test_real_templates_come_out_with_every_link_and_no_other_change() -> None:
    source = Path(__file__).with_name("newsletter.html").read_text(encoding="utf-8")
    written = re.findall(r'href ?= ?"(https://[^"]*)"', source, re.IGNORECASE)
    links = iter(written)
    assert OURS.sub(lambda _match: next(links), made(source).html) == source
    assert targets(made(source).html) == [tokens.target_of(unescape(link)) for link in written]


AMP = (
    '<!doctype html><html ⚡4email><head><meta charset="utf-8"></head><body><a href="https://example.com/a?b=1&amp;c=2">x</a>'
    '<template type="amp-mustache"><a href="{{url}}">y</a></template>%s</body></html>'
)


def test_amp_is_tracked_in_its_own_words() -> None:
    done = made("", "", Switches(), amp=AMP % "").amp
    assert targets(done) == ["https://example.com/a?b=1&c=2"]
    assert '<a href="{{url}}">y</a>' in done
    leave, pixel = SIGNER.leave(), SIGNER.pixel()
    end = (
        f'<p><a href="{leave}">Unsubscribe</a></p>'
        f'<amp-img src="{pixel}" width="1" height="1" layout="fixed" alt=""></amp-img></body></html>'
    )
    assert done.endswith(end)
    # And nothing else.
    assert undone(done).replace("&c", "&amp;c").removesuffix(end) + "</body></html>" == AMP % ""
    assert made("", "", OFF, amp=AMP % "").amp == AMP % ""


def test_amp_has_no_picture_that_it_would_not_load() -> None:
    done = tracked("", "", switches=Switches(), email_id=8, account_id=7, host="http://links.example.com", amp=AMP % "")
    assert "amp-img" not in done.amp
    assert "/t/c/" in done.amp


def test_amp_that_would_get_too_large_stays_as_it_is() -> None:
    large = AMP % ("é" * 99_900)
    assert made("", "", Switches(), amp=large).amp == large
