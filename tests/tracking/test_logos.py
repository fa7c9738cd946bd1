"""A logo is a picture of a bounded size, written anew, and nothing travels along in it."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from tests.tracking.pictures import chunk, gif, jpeg, png
from tracking import logos
from tracking.logos import Logo, Unusable

SECRET = b"<script>alert(1)</script>"


def opened(logo: Logo) -> Image.Image:
    return Image.open(io.BytesIO(logo.content))


def packed(image: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


@pytest.mark.parametrize(("given_", "kind"), [
    (png(), "image/png"), (gif(), "image/png"), (jpeg(), "image/jpeg"),
])  # fmt: skip
def test_a_picture_is_written_anew(given_: bytes, kind: str) -> None:
    logo = logos.check(given_)
    assert logo.content_type == kind
    again = opened(logo)
    assert f"image/{again.format}".lower() == kind
    with Image.open(io.BytesIO(given_)) as before:
        assert again.size == before.size == (logo.width, logo.height)
    assert logos.check(logo.content).content_type == kind


def test_its_pixels_are_the_same() -> None:
    with Image.open(io.BytesIO(png())) as before:
        assert opened(logos.check(png())).tobytes() == before.tobytes()


@pytest.mark.parametrize("make", [png, gif, jpeg])
def test_what_is_beside_the_picture_is_left_out(make: Any) -> None:
    logo = logos.check(make(extra=SECRET) + SECRET)
    assert SECRET not in logo.content
    assert logo.content == logos.check(make()).content
    assert not set(opened(logo).info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_what_can_be_seen_through_stays_so(kind: str) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    again = opened(logos.check(packed(image, kind, transparency=0))).convert("RGBA")
    assert [again.getpixel((0, 0)), again.getpixel((1, 1))] == [(255, 0, 0, 0), (0, 0, 255, 255)]


def test_a_photograph_is_turned_as_its_camera_says_and_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "at home"
    image = Image.linear_gradient("L").resize((40, 20)).convert("CMYK")
    logo = logos.check(packed(image, "JPEG", exif=exif, comment=b"at home", icc_profile=b"at home"))
    assert (logo.width, logo.height) == (20, 40)
    assert b"at home" not in logo.content
    assert (opened(logo).mode, len(opened(logo).getexif())) == ("RGB", 0)


def test_of_one_that_moves_the_first_picture_stays() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    again = opened(logos.check(packed(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    assert getattr(again, "n_frames", 1) == 1
    assert again.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


NOISE = packed(Image.effect_noise((900, 500), 90).convert("P"), "GIF")[: logos.MOST_BYTES]


@pytest.mark.parametrize(("given_", "said"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG or GIF"), (b"", "PNG, JPEG or GIF"),
    (packed(Image.new("RGB", (4, 4)), "BMP"), "PNG, JPEG or GIF"), (NOISE, "damaged"),
    (png()[:50], "damaged"), (jpeg()[:20], "damaged"), (gif()[:30], "damaged"), (png(1201, 1), "1200 pixels"),
    (png(1, 601), "600"), (png(0, 1), "damaged"), (packed(Image.new("L", (5000, 10)), "JPEG"), "pixels"),
    (png() + bytes(300_000), "200 KB"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_reason(given_: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        logos.check(given_)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty million pixels of one colour are a small file."""
    head = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    bomb = png()[:8] + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")

    def unpacked(_self: Any) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(PngImageFile, "load", unpacked)
    with pytest.raises(Unusable, match="1200 pixels"):
        logos.check(bomb)


@given(st.sampled_from([png(), gif(), jpeg()]), st.integers(0, 200), st.binary(max_size=20))
def test_nothing_breaks_it(picture: bytes, place: int, other: bytes) -> None:
    with suppress(Unusable):
        assert isinstance(logos.check(picture[:place] + other + picture[place + len(other) :]), Logo)
