"""From the two addresses one sets, DATABASE_URL and REDIS_URL, to what Django, Celery and the cache want."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypedDict
from urllib.parse import parse_qs, quote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

BROKER_NUMBER = 0
CACHE_NUMBER = 1
type Network = IPv4Network | IPv6Network


class Database(TypedDict):
    """One entry of Django's DATABASES."""

    ENGINE: str
    HOST: str
    PORT: str
    USER: str
    PASSWORD: str
    NAME: str
    CONN_MAX_AGE: int
    CONN_HEALTH_CHECKS: bool
    OPTIONS: dict[str, Any]


def database(url: str) -> Database:
    """Read postgresql://user:password@host:port/name?sslmode=... (any form that libpq accepts).

    Raises ValueError with the end of a sentence that begins with the variable's name. It never repeats the
    address, which holds a password.
    """
    hint = "write it as postgresql://user:password@host:5432/name."
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except ProgrammingError as error:
        raise ValueError(f"is not an address of PostgreSQL: {hint}") from error
    if not parts.get("dbname"):
        raise ValueError(f"does not name a database: {hint}")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "NAME": parts.pop("dbname"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": dict(parts),
    }


def redis(url: str) -> str:
    """Check redis://, rediss:// or unix://; raises ValueError like `database`. Valkey speaks the same."""
    parts = urlsplit(url)
    reachable = parts.path if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in ("redis", "rediss", "unix") or not reachable:
        raise ValueError("is not an address of Redis or Valkey: write it as redis://:password@host:6379.")
    return url


def numbered(url: str, number: int) -> str:
    """The same server's database `number`, in the form that redis-py reads."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        kept = parts.query and f"{parts.query}&"
        return f"unix://{parts.netloc}{parts.path}?{kept}db={number}"
    return parts._replace(path=f"/{number}").geturl()


def broker(url: str) -> str:
    """The address in the form that Celery reads, which writes a socket in its own way."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return numbered(url, BROKER_NUMBER)
    password = "".join(parse_qs(parts.query).get("password", []))
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={BROKER_NUMBER}"


def routes(text: str) -> dict[str, tuple[str, int]]:
    """Read domain=host:port, with commas between several; "*" is every domain, ".example.com" all below that one.

    Raises ValueError like `database`.
    """
    found = {}
    for word in filter(None, map(str.strip, text.split(","))):
        domain, _is, target = word.partition("=")
        host, _colon, port = target.rpartition(":")
        if not domain or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"holds {word!r}: write routes as .example.com=10.0.0.5:25, with commas between them.")
        found[domain.lower()] = (host.strip("[]"), int(port))
    return found


def networks(text: str) -> list[Network]:
    """Read networks such as 10.0.0.0/8, with commas between several. Raises ValueError like `database`."""
    found: list[Network] = []
    for word in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(ip_network(word, strict=False))
        except ValueError:
            raise ValueError(f"holds {word!r}: write networks as 10.0.0.0/8, with commas between them.") from None
    return found
