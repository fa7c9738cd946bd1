"""Taking a file in: straight to where it lies, once, piece by piece, however large it is.

What is kept has one form: UTF-8 or Latin-1, without a byte order mark, lines that end in a newline. So a place in it
means the same to everybody who reads it.
"""

from __future__ import annotations

import codecs
import secrets
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopFutureHandlers
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts import disk
from suppression.imports import files
from suppression.imports.models import Encoding

FIELD = "file"
# What files begin with that are often taken for CSV, and what people call them.
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh")
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
LONGEST_MARK = 3


class Refused(Exception):
    """This file cannot be imported; the text says why and what to do."""


class Uploaded:
    """A file that is whole, and lies where imports lie."""

    def __init__(self, token: str, name: str, size: int, encoding: Encoding) -> None:
        self.token = token
        self.name = name
        self.size = size
        self.encoding = encoding


class Receiver:
    """Takes the pieces of a file. Raises Refused as soon as it is clear that it is none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token = secrets.token_urlsafe(32)
        self.size = 0
        self._taken = 0
        self._begin = b""
        self._is_begun = self._has_only_returns = False
        self._source = ""
        self._decode: Any = None
        self._is_utf8: Any = codecs.getincrementaldecoder("utf-8")()
        self._file: BinaryIO = self._create()

    def _create(self) -> BinaryIO:
        try:
            return files.create(self.token)
        except disk.Full:
            raise Refused(full()) from None
        except OSError:
            raise Refused(
                _("The file could not be kept. Ask an administrator to look at the folder for imports.")
            ) from None

    def take(self, piece: bytes) -> None:
        self._taken += len(piece)
        if self._taken > settings.IMPORT_MOST_BYTES:
            raise Refused(too_large())
        if not self._is_begun:
            self._begin += piece
            if len(self._begin) < LONGEST_MARK + 1:
                return
            piece, self._begin = self._recognised(self._begin), b""
        self._write(piece)

    def finish(self) -> Uploaded:
        """All of it came. Raises Refused."""
        if not self._is_begun:
            self._write(self._recognised(self._begin))
        if self._source.startswith("utf-16"):
            self._put(self._decode.decode(b"", True).encode())
        if not self.size:
            raise Refused(_("The file is empty."))
        self._check_utf8(b"", is_last=True)
        try:
            files.on_disk(self._file)
        except OSError:
            raise Refused(full()) from None
        self._file.close()
        return Uploaded(self.token, self.name, self.size, Encoding.UTF_8 if self._is_utf8 else Encoding.LATIN_1)

    def discard(self) -> None:
        self._file.close()
        files.remove(self.token)

    def _recognised(self, begin: bytes) -> bytes:
        """What is left of its first piece without the mark. Raises Refused where it is no text."""
        self._is_begun = True
        if begin.startswith(ARCHIVES):
            raise Refused(
                _("This is an archive or an Excel workbook, not a CSV file. Unpack it, or save it as CSV in Excel.")
            )
        mark = next((mark for mark in MARKS if begin.startswith(mark)), b"")
        self._source = MARKS.get(mark, "")
        if self._source.startswith("utf-16"):
            self._decode = codecs.getincrementaldecoder(self._source)("replace")
        elif b"\0" in begin:
            raise Refused(_("This is no text file. Save it as CSV, in UTF-8."))
        self._has_only_returns = b"\r" in begin and b"\n" not in begin
        return begin[len(mark) :]

    def _write(self, piece: bytes) -> None:
        if self._decode:
            piece = self._decode.decode(piece).encode()
        if self._has_only_returns:
            piece = piece.replace(b"\r", b"\n")
        self._check_utf8(piece)
        self._put(piece)

    def _check_utf8(self, piece: bytes, *, is_last: bool = False) -> None:
        if self._is_utf8:
            try:
                self._is_utf8.decode(piece, is_last)
            except UnicodeDecodeError:
                self._is_utf8 = None

    def _put(self, piece: bytes) -> None:
        try:
            self.size += self._file.write(piece)
            if not disk.has_room(self._file):
                raise disk.Full
        except OSError:
            raise Refused(full()) from None


def full() -> str:
    return _("There is too little room left on the disk. Ask an administrator for a larger one.")


def too_large() -> str:
    return _("The file is too large: it may have %(size)s. Split it, and import the parts one after the other.") % {
        "size": filesizeformat(settings.IMPORT_MOST_BYTES)
    }


class Handler(FileUploadHandler):
    """Hands the file of a form on to where imports lie, instead of to memory or a temporary file.

    Afterwards `uploaded` is the file, or `problem` says why there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.uploaded: Uploaded | None = None
        self.problem = ""
        self._receiver: Receiver | None = None

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != FIELD or self.uploaded or self._receiver:
            raise SkipFile
        try:
            self._receiver = Receiver(file_name[:200])
        except Refused as error:
            self._refuse(error)
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._receiver:
            try:
                self._receiver.take(raw_data)
            except Refused as error:
                self._refuse(error)

    def file_complete(self, file_size: int) -> None:
        if self._receiver:
            try:
                self.uploaded = self._receiver.finish()
                self._receiver = None
            except Refused as error:
                self._refuse(error)

    def upload_interrupted(self) -> None:
        self.discard()

    def discard(self) -> None:
        """Nothing of it is wanted."""
        if self._receiver:
            self._receiver.discard()
        if self.uploaded:
            files.remove(self.uploaded.token)
        self._receiver = self.uploaded = None

    def _refuse(self, error: Refused) -> None:
        """The rest of the form is read on, for its signs."""
        self.problem = str(error)
        self.discard()
