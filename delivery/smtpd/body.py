"""A message as it comes after DATA: where it ends, and whether it grew too large (RFC 5321, 4.1.1.4 and 4.5.2)."""

from __future__ import annotations

END = b"\r\n.\r\n"


class Body:
    """Takes the message piece by piece. Of one that is too large nothing is kept but its size."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.is_too_large = False
        self.size = 0
        # The line break before it belongs to the command, and lets a message be a dot alone.
        self._data = bytearray(b"\r\n")

    def feed(self, piece: bytes) -> bytes | None:
        """Take one more piece; gives what came behind the end of the message, None while it has not ended.

        Only a dot between two whole line breaks ends it: whoever takes less lets others smuggle commands.
        """
        known = len(self._data)
        self._data += piece
        at = self._data.find(END, max(0, known - len(END) + 1))
        if at < 0:
            self.size += len(piece)
            # Among them may be what ends it already.
            self._weigh(self.most + len(END) - 3)
            return None
        rest = bytes(self._data[at + len(END) :])
        self.size += len(piece) - len(rest) - len(END) + 2
        del self._data[at + 2 :]
        self._weigh(self.most)
        return rest

    @property
    def content(self) -> bytes:
        """The message without the dots that protected its lines; empty where it was too large."""
        # Clients whose lines end in LF alone protect those.
        return b"" if self.is_too_large else bytes(self._data).replace(b"\n.", b"\n")[2:]

    def discard(self) -> None:
        """Keep no more than finding its end takes."""
        del self._data[: -len(END) + 1]

    def _weigh(self, most: int) -> None:
        # Its protecting dots count, which is a byte a line at worst.
        if self.size > most:
            self.is_too_large = True
        if self.is_too_large:
            self.discard()
