from __future__ import annotations

import math
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from accounts.models import Account
from simulator import mailing, sources
from simulator.correspondence import Post, flowing
from simulator.formats import FORMATS
from simulator.post import Poster, answers
from simulator.requests import Gatherer
from simulator.run import Plan, run
from simulator.world import World

MOST_PER_SECOND = 10_000
EVENTS_TO_AN_EMAIL = 20


class Command(BaseCommand):
    help = "Feed an account with a simulated world: signed webhooks of six providers, posted to a running Live Feeds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rate", default="5", help="events a second (default 5)")
        parser.add_argument("--url", default="", help="where Live Feeds runs (default http://127.0.0.1:PORT)")
        parser.add_argument("--seconds", default="", help="end by itself after so long, once all is accepted")
        parser.add_argument("--account", default="demo", help="the account to feed, made where it is missing")
        parser.add_argument("--seed", default="", help="a number: the same one simulates the same lives")
        parser.add_argument("--emails", default="300", help="emails of the last three days to begin an empty account")
        parser.add_argument("--mail", action="store_true", help="also send from here, one email for twenty events")
        parser.add_argument("--servers", default="2526", help="port at which they are taken; see MX_ROUTES")
        parser.add_argument("--journal", default="", help="a file that gets a line for each request that was accepted")

    def handle(self, *args: Any, **options: Any) -> None:
        rate = number("--rate", options["rate"], most=MOST_PER_SECOND)
        seconds = number("--seconds", options["seconds"]) if options["seconds"] else None
        seed = whole("--seed", options["seed"]) if options["seed"] else secrets.randbits(32)
        emails = whole("--emails", options["emails"])
        port = whole("--servers", options["servers"])
        url = address(options["url"] or f"http://127.0.0.1:{settings.PORT}")
        try:
            account, targets, empty = sources.prepare(options["account"])
            post = self._post(account, rate, port) if options["mail"] else None
        except sources.NotSimulated as error:
            raise CommandError(str(error)) from None
        except Error as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"The database is not ready ({reason}): start Live Feeds with make run.") from None
        # A connection of ours would be the one thing that a restarting database waits for.
        connections.close_all()
        poster = self._poster(url, options["journal"])
        self._say(f"Simulating {rate:g} events a second in the account {options['account']!r} at {url}")
        world = World(seed, {provider: form.share for provider, form in FORMATS.items()})
        try:
            with stopped_by_signals() as stop, self._mail(post, url, seed):
                plan = Plan(rate, seconds, emails if empty else 0)
                run(world, Gatherer(targets, poster.put), poster, plan, stop)
        finally:
            poster.end()
        counts = poster.counts
        self._say(f"{counts['events']} events were accepted in {counts['requests']} requests.")

    def _post(self, account: Account, rate: float, port: int) -> Post:
        returns = ("127.0.0.1", settings.SMTP_PORT)
        return Post(rate / EVENTS_TO_AN_EMAIL, mailing.prepare(account), port, settings.LIVEFEEDS_URL, returns)

    @contextmanager
    def _mail(self, post: Post | None, url: str, seed: int) -> Iterator[None]:
        """Mail flows during the block, if it is to."""
        if post is None:
            yield
            return
        try:
            with flowing(post, url, seed, self._say) as application:
                self._say(f"Sending {post.rate:g} emails a second, which are taken at port {post.port}")
                yield
        except OSError as error:
            raise CommandError(f"Port {post.port} cannot be used ({error.strerror or error}): see --servers.") from None
        self._say(f"{application.counts['emails']} emails were handed in.")

    def _poster(self, url: str, journal: str) -> Poster:
        try:
            return Poster(url, self._say, Path(journal) if journal else None)
        except OSError as error:
            reason = error.strerror or error
            raise CommandError(f"--journal is {journal!r}, which cannot be written: {reason}.") from None

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def number(option: str, text: str, most: float = math.inf) -> float:
    """A number above 0. Raises CommandError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most or math.isinf(value):
        limit = "" if math.isinf(most) else f" of at most {most:g}"
        raise CommandError(f"{option} is {text!r}: give a number above 0{limit}, as in {option} 20.")
    return value


def whole(option: str, text: str) -> int:
    """A whole number from 0 on. Raises CommandError."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise CommandError(f"{option} is {text!r}: give a whole number, as in {option} 300.")


def address(url: str) -> str:
    """The address without its last slash, where Live Feeds answers. Raises CommandError."""
    try:
        parts = urlsplit(url.rstrip("/"))
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise CommandError(f"--url is {url!r}: write it as http://127.0.0.1:8000.")
    if not answers(parts.geturl()):
        raise CommandError(f"No Live Feeds answers at {url}: start it with make run, or give its address with --url.")
    return parts.geturl()


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, for as long as the block lasts."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
