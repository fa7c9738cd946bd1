"""Our SMTP server on a port of its own, in a thread of the tests, and those who talk to it."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from typing import Any

from django.utils import timezone

from delivery import reception
from delivery.smtpd.certificate import our_own
from delivery.smtpd.server import Limits, Server
from feeds import outage

LIMITS = Limits(bytes=200_000, buffered=2_000_000, idle=20, recipients=5, login_delay=0.01)


class Door:
    """A server that runs, and where."""

    def __init__(self, server: Server, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self.port, self.loop = server, port, loop

    @contextmanager
    def client(self, key: str = "", *, tls: bool = True) -> Iterator[smtplib.SMTP]:
        """A client that said hello, encrypted unless told otherwise, and logged in where it has a key."""
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=20)
        try:
            client.ehlo("client.example.com")
            if tls:
                client.starttls(context=trusting())
                client.ehlo("client.example.com")
            if key:
                client.login("apikey", key)
            yield client
        finally:
            client.close()

    @contextmanager
    def plain(self) -> Iterator[socket.socket]:
        """A bare connection that has read the greeting."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            assert heard(connection).startswith(b"220 ")
            yield connection

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(20)


def trusting() -> ssl.SSLContext:
    """Takes any certificate, as programs do that were told to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def heard(connection: socket.socket, replies: int = 1) -> bytes:
    """So many replies, each with all of its lines; less where the server hangs up."""
    data = b""
    while sum(line[3:4] == b" " for line in data.split(b"\r\n")[:-1]) < replies:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


@contextmanager
def opened(home: Any, *, plain_logins: bool = False, **limits: Any) -> Iterator[Door]:
    """A server with small limits; what it knew of other tests is forgotten."""
    reception.forget()
    outage.database.answered()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    certificate = our_own(home, "mail.example.com", timezone.now())
    server = Server("mail.example.com", certificate, replace(LIMITS, **limits), plain_logins=plain_logins)
    port = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result(20)
    door = Door(server, port, loop)
    try:
        yield door
    finally:
        door.stop()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def letter(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in ({"From": "Shop <orders@shop.com>", "To": "bob@gmail.com", "Subject": "Olá"} | headers).items():
        message[name.replace("_", "-")] = value
    message.set_content("Your order is on its way.\n.\n..and a line with dots\n")
    return message


def refused(client: smtplib.SMTP, message: EmailMessage | bytes, *recipients: str) -> tuple[int, str]:
    """The reply to the message itself."""
    content = message if isinstance(message, bytes) else message.as_bytes(policy=policy.SMTP)
    client.mail("orders@shop.com")
    for recipient in recipients or ("bob@gmail.com",):
        assert client.rcpt(recipient)[0] == 250
    code, words = client.data(content)
    return code, words.decode()
