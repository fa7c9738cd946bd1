"""What must hold before anything is started. Each check raises Refusal with what to do."""

from __future__ import annotations

import errno
import socket
import time
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict

from settings.runner.refusal import Refusal

OLDEST_POSTGRES = 18


def port(host: str, number: int, *, patience: float, name: str = "PORT") -> None:
    """That we may listen there; `patience` is how many seconds a port in use gets to become free, and `name` the
    variable that chooses it."""
    deadline = time.monotonic() + patience
    while (reason := _bind(host, number)) == errno.EADDRINUSE and time.monotonic() < deadline:
        time.sleep(0.1)
    if reason == errno.EADDRINUSE:
        raise Refusal(
            f"Port {number} is taken by another program: stop that one, or choose another port, "
            f"as in {name}={number % 65535 + 1} make run."
        )
    if reason == errno.EACCES:
        raise Refusal(f"Port {number} needs more rights than you have: choose one above 1023, as in {name}=8000.")
    if reason:
        variable = "HOST" if name == "PORT" else "SMTP_HOST"
        raise Refusal(f"{variable} is {host!r}, which is no address of this machine: use 127.0.0.1 or 0.0.0.0.")


def _bind(host: str, number: int) -> int | None:
    """The error number of trying to listen; None when that works."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # As the web server does: connections of a run before that are still ending do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


def database(url: str) -> None:
    """That DATABASE_URL leads to a PostgreSQL that is new enough."""
    parts = conninfo_to_dict(url)
    place = f"{parts.get('host') or 'the local socket'}:{parts.get('port') or 5432}"
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise Refusal(_unreachable(str(error), place, str(parts.get("dbname")))) from error
    if version // 10000 < OLDEST_POSTGRES:
        raise Refusal(
            f"The PostgreSQL at {place} is version {version // 10000}, and Live Feeds needs "
            f"{OLDEST_POSTGRES} or newer: upgrade it, or unset DATABASE_URL to use the one that comes along."
        )


def _unreachable(words: str, place: str, name: str) -> str:
    if "password" in words or "authentication" in words:
        return f"The PostgreSQL at {place} refuses the user or the password in DATABASE_URL: correct them."
    if f'database "{name}" does not exist' in words:
        return f"The PostgreSQL at {place} has no database {name}: create it, or correct DATABASE_URL."
    reason = words.strip().splitlines()[-1].strip()
    return f"No PostgreSQL answers at {place} ({reason}): start it, or correct DATABASE_URL."


def broker(url: str) -> None:
    """That REDIS_URL leads to a Redis or Valkey that lets us in."""
    parts = urlsplit(url)
    place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.AuthenticationError, redis.ResponseError) as error:
        raise Refusal(f"The broker at {place} refuses the password in REDIS_URL: correct it.") from error
    except redis.RedisError as error:
        raise Refusal(f"No Valkey or Redis answers at {place}: start it, or correct REDIS_URL.") from error
