"""Pictures of accounts for the page to unsubscribe at: taken only as what they are, and of a bounded size.

Nothing here decodes a picture. Its kind and size are read from its first bytes, and whatever stands after its end
or beside its pixels (names, places, other files) is left out, so that what is served is a picture and nothing else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from django.utils.translation import gettext as _

TYPES = ("image/png", "image/jpeg", "image/gif")
MOST_BYTES = 200 * 1024
WIDEST, HIGHEST = 1200, 600
# What a PNG needs to be drawn (PNG 3, table 5.3).
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"IDAT", b"IEND")


class Unusable(Exception):
    """This cannot be the picture. The text says why."""


@dataclass(frozen=True, slots=True)
class Logo:
    content: bytes
    content_type: str
    width: int
    height: int


def check(given: bytes) -> Logo:
    """The picture in these bytes, written anew of its own parts. Raises Unusable."""
    if len(given) > MOST_BYTES:
        raise Unusable(_("The picture may have %(n)d KB. Make it smaller.") % {"n": MOST_BYTES // 1024})
    try:
        if given.startswith(b"\x89PNG\r\n\x1a\n"):
            logo = _png(given)
        elif given.startswith(b"\xff\xd8\xff"):
            logo = _jpeg(given)
        elif given[:6] in (b"GIF87a", b"GIF89a"):
            logo = _gif(given)
        else:
            raise Unusable(_("Choose a picture in the format PNG, JPEG or GIF."))
    except (struct.error, IndexError, ValueError):
        raise Unusable(_("The picture is damaged. Save it anew and try again.")) from None
    if not (0 < logo.width <= WIDEST and 0 < logo.height <= HIGHEST):
        size = {"width": WIDEST, "height": HIGHEST}
        raise Unusable(_("The picture may be %(width)d pixels wide and %(height)d high.") % size)
    return logo


def _png(given: bytes) -> Logo:
    parts = [given[:8]]
    width, height = struct.unpack_from(">II", given, 16)
    at = 8
    while True:
        (length,) = struct.unpack_from(">I", given, at)
        name, end = given[at + 4 : at + 8], at + 12 + length
        if end > len(given) or (at == 8 and name != b"IHDR"):
            raise ValueError
        if name in _PNG_KEPT:
            parts.append(given[at:end])
        at = end
        if name == b"IEND":
            return Logo(b"".join(parts), "image/png", width, height)


def _jpeg(given: bytes) -> Logo:
    """Without comments and application data but JFIF and Adobe's, which say how the colours are meant."""
    parts, size = [given[:2]], (0, 0)
    at = 2
    while True:
        if given[at] != 0xFF:
            raise ValueError
        marker = given[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", given, at + 2)
        end = at + 2 + length
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack_from(">HH", given, at + 5)
            size = (width, height)
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE:
            parts.append(given[at:end])
        at = end
        if marker == 0xDA:
            stop = given.rindex(b"\xff\xd9")
            if stop < at:
                raise ValueError
            return Logo(b"".join([*parts, given[at : stop + 2]]), "image/jpeg", *size)


def _gif(given: bytes) -> Logo:
    """Without comments and texts; the extensions for timing and repeating stay."""
    width, height = struct.unpack_from("<HH", given, 6)
    at = 13 + _gif_colours(given[10])
    parts = [given[:at]]
    while given[at] != 0x3B:
        start = at
        if given[at] == 0x2C:
            at = _gif_blocks(given, at + 11 + _gif_colours(given[at + 9]))
            kept = True
        elif given[at] == 0x21:
            kept = given[at + 1] == 0xF9 or given[at + 1 : at + 14] == b"\xff\x0bNETSCAPE2.0"
            at = _gif_blocks(given, at + 2)
        else:
            raise ValueError
        if kept:
            parts.append(given[start:at])
    return Logo(b"".join([*parts, b"\x3b"]), "image/gif", width, height)


def _gif_colours(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(given: bytes, at: int) -> int:
    """Where the blocks that begin here end."""
    while given[at]:
        at += given[at] + 1
    return at + 1
