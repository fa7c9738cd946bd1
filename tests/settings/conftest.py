from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


# What servers of PostgreSQL's protocol (version 3) answer to a client's first message.
WELCOME_OF_16 = (
    message(b"R", struct.pack(">I", 0))
    + message(b"S", b"server_version\x0016.4\x00")
    + message(b"S", b"client_encoding\x00UTF8\x00")
    + message(b"Z", b"I")
)
REFUSAL = message(b"E", b'SFATAL\x00VFATAL\x00C28P01\x00Mpassword authentication failed for user "me"\x00\x00')


@contextmanager
def answering(words: bytes) -> Iterator[int]:
    """A server on a port of its own that says the same to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _address = server.accept()
                except OSError:
                    return
                with client:
                    if client.recv(1024)[4:8] == struct.pack(">I", 80877103):
                        # The question whether we speak TLS comes first.
                        client.sendall(b"N")
                        client.recv(1024)
                    client.sendall(words)
                    client.recv(1024)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@pytest.fixture
def postgres_16() -> Iterator[int]:
    """The port of a server that greets as PostgreSQL 16 does."""
    with answering(WELCOME_OF_16) as port:
        yield port


@pytest.fixture
def postgres_that_refuses() -> Iterator[int]:
    """The port of a server that refuses every password."""
    with answering(REFUSAL) as port:
        yield port
