"""A logo is a picture of a bounded size, and nothing travels along in it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.pictures import gif, jpeg, png
from tracking import logos
from tracking.logos import Logo, Unusable

SECRET = b"<script>alert(1)</script>"


@pytest.mark.parametrize(("given_", "kind"), [
    (png(), "image/png"), (gif(), "image/gif"), (jpeg(), "image/jpeg"),
])  # fmt: skip
def test_a_picture_is_taken_as_it_is(given_: bytes, kind: str) -> None:
    logo = logos.check(given_)
    assert (logo.content, logo.content_type) == (given_, kind)


@pytest.mark.parametrize("make", [png, gif, jpeg])
def test_what_is_beside_the_picture_is_left_out(make: object) -> None:
    assert callable(make)
    logo = logos.check(make(extra=SECRET) + SECRET)
    assert logo.content == make()
    assert logos.check(logo.content).content == logo.content


@pytest.mark.parametrize(("given_", "said"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG or GIF"), (b"", "PNG, JPEG or GIF"),
    (png()[:40], "damaged"), (jpeg()[:20], "damaged"), (gif()[:30], "damaged"), (png(1201, 1), "1200 pixels"),
    (png(1, 601), "600"), (png(0, 1), "pixels"), (jpeg(5000, 10), "pixels"), (png() + bytes(300_000), "200 KB"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_reason(given_: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        logos.check(given_)


@given(st.sampled_from([png(), gif(), jpeg()]), st.integers(0, 200), st.binary(max_size=20))
def test_nothing_breaks_it(picture: bytes, place: int, other: bytes) -> None:
    with suppress(Unusable):
        assert isinstance(logos.check(picture[:place] + other + picture[place + len(other) :]), Logo)
