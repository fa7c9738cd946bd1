"""Small pictures of each kind."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int = 8, height: int = 4, *, extra: bytes = b"") -> bytes:
    pixels = zlib.compress((b"\0" + b"\x30\x60\x90" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text = chunk(b"tEXt", b"Comment\0" + extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + text + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def gif(*, extra: bytes = b"") -> bytes:
    comment = b"\x21\xfe" + bytes([len(extra)]) + extra + b"\0" if extra else b""
    return (
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + comment + b"\x21\xf9\x04\x01\0\0\0\0"
        b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    )


def jpeg(width: int = 8, height: int = 4, *, extra: bytes = b"") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG", comment=extra)
    return out.getvalue()
