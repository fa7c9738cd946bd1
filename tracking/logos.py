"""Pictures of accounts for the page to unsubscribe at: read, and written anew, so that what is served is made here.

Names, places, comments, other files and all else that may stand beside the pixels of what was given stay behind.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.utils.translation import gettext as _

TYPES = ("image/png", "image/jpeg", "image/gif")
MOST_BYTES = 200 * 1024
WIDEST, HIGHEST = 1200, 600
# What was well packed may grow, as a photograph that came as a GIF does.
MOST_WRITTEN = 2 * MOST_BYTES
QUALITY = 90
BEGINS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


class Unusable(Exception):
    """This cannot be the picture. The text says why."""


@dataclass(frozen=True, slots=True)
class Logo:
    content: bytes
    content_type: str
    width: int
    height: int


def check(given: bytes) -> Logo:
    """The picture in these bytes, written anew: a photograph as JPEG, all else as PNG. Of one that moves, the first.

    Raises Unusable.
    """
    if len(given) > MOST_BYTES:
        raise Unusable(_("The picture may have %(n)d KB. Make it smaller.") % {"n": MOST_BYTES // 1024})
    if not given.startswith(BEGINS):
        raise Unusable(_("Choose a picture in the format PNG, JPEG or GIF."))
    try:
        logo = _anew(given)
    except Unusable:
        raise
    except Exception:  # noqa: BLE001  # decoders say in a dozen ways that a file is broken
        raise Unusable(_("The picture is damaged. Save it anew and try again.")) from None
    if len(logo.content) > MOST_WRITTEN:
        raise Unusable(_("The picture may have %(n)d KB. Make it smaller.") % {"n": MOST_BYTES // 1024})
    return logo


def _anew(given: bytes) -> Logo:
    # Only where somebody gives a picture: it takes memory, and every web process would have it.
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(given), formats=("PNG", "JPEG", "GIF")) as read:
        # So far only its head was read, and nothing was unpacked.
        if not (0 < read.width <= WIDEST and 0 < read.height <= HIGHEST):
            size = {"width": WIDEST, "height": HIGHEST}
            raise Unusable(_("The picture may be %(width)d pixels wide and %(height)d high.") % size)
        is_photograph = read.format == "JPEG"
        # Cameras say beside the pixels which side is up, and that stays behind.
        upright = ImageOps.exif_transpose(read)
        is_seen_through = not is_photograph and upright.has_transparency_data
        pixels = upright.convert("RGBA" if is_seen_through else "RGB")
    pixels.info.clear()
    written = io.BytesIO()
    if is_photograph:
        pixels.save(written, "JPEG", quality=QUALITY, optimize=True)
    else:
        pixels.save(written, "PNG", optimize=True)
    return Logo(written.getvalue(), "image/jpeg" if is_photograph else "image/png", *pixels.size)
