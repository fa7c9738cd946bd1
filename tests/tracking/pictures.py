"""Small pictures of each kind, made by hand."""

from __future__ import annotations

import struct
import zlib


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int = 8, height: int = 4, *, extra: bytes = b"") -> bytes:
    pixels = zlib.compress((b"\0" + b"\x30\x60\x90" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text = _chunk(b"tEXt", b"Comment\0" + extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + text + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def gif(*, extra: bytes = b"") -> bytes:
    comment = b"\x21\xfe" + bytes([len(extra)]) + extra + b"\0" if extra else b""
    return (
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + comment + b"\x21\xf9\x04\x01\0\0\0\0"
        b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    )


def jpeg(width: int = 8, height: int = 4, *, extra: bytes = b"") -> bytes:
    """The parts of one, as far as their order and lengths matter."""
    comment = b"\xff\xfe" + struct.pack(">H", len(extra) + 2) + extra if extra else b""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + comment + frame
        + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\x34" + b"\xff\xd9"
    )  # fmt: skip
