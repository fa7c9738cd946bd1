"""A hundred different questions of each kind to a large feed: in the database, and as the whole page over HTTP.

Beside it the same to a feed of a tenth of the size, question by question in turn, and the plain way: Django's ORM with
`icontains` and OFFSET. Each question was asked once before it is measured.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bench import kept, servers
from bench.report import Case, Result, quantile

if TYPE_CHECKING:
    from bench.questions import Question

PAGE = 50
DEEP = (1, 1_000, 100_000)
PLAIN_QUESTIONS, PLAIN_SECONDS = 3, 3
DEEP_ROUNDS = 40


def measure(emails: int, parent: Path | None = None, names: Sequence[str] | None = None) -> Result:
    """Both databases are taken from where `bench seed` keeps them, and brought up to date; those that are not there are
    made for this alone. With names only these kinds of questions are asked."""
    from bench.questions import KINDS

    if unknown := [name for name in names or () if name not in KINDS]:
        raise SystemExit(f"There are no questions of the kind {unknown[0]!r}. Kinds are: {'; '.join(KINDS)}.")
    with ExitStack() as stack:
        large, small = (
            kept.home(n, parent if kept.is_there(n, parent) else stack.enter_context(servers.new_home(parent, str(n))))
            for n in (emails, emails // 10)
        )
        stack.enter_context(servers.database(large))
        stack.enter_context(servers.running(small))
        return run(emails, small, names)


@dataclass(slots=True)
class Feed:
    """One of the two feeds, with somebody who may read it and a web server that shows it."""

    emails: int
    connection: Any
    port: int = 0
    access: Any = None
    cookie: str = ""
    sql_ms: dict[str, list[float]] = field(default_factory=dict)
    http_ms: dict[str, list[float]] = field(default_factory=dict)
    questions: dict[str, list[Question]] = field(default_factory=dict)

    def use(self) -> None:
        """From here on Django's database is this one."""
        from django.db import connections

        connections["default"] = self.connection


def run(emails: int, small_home: Path, names: Sequence[str] | None) -> Result:
    from django.core.management import call_command
    from django.db import connections

    from settings import addresses, embedded

    call_command("collectstatic", interactive=False, verbosity=0)
    url = embedded.database_url(small_home)
    beside = connections["default"].copy()
    beside.settings_dict = {**beside.settings_dict, "HOST": addresses.database(url)["HOST"]}
    large, small = Feed(emails, connections["default"]), Feed(emails // 10, beside)
    for feed in (small, large):
        feed.use()
        call_command("migrate", interactive=False, verbosity=0)
        _prepare(feed, names)
    with servers.web() as (_pid, port), servers.web({"DATABASE_URL": url}) as (_pid, other):
        large.port, small.port = port, other
        for name in large.questions:
            _ask_all(name, large, small)
        deep = [] if names else _deep(large)
    plain = {name: _plainly(large, questions) for name, questions in large.questions.items()}
    small.connection.close()
    return _result(large, small, plain, deep)


def _prepare(feed: Feed, names: Sequence[str] | None) -> None:
    from accounts.models import Account
    from bench import questions, someone

    account = Account.objects.order_by("id")[0]
    feed.access, feed.cookie = someone.looks_at(account)
    asked = questions.kinds(account, feed.emails)
    feed.questions = {name: asked[name] for name in names or asked}


def _ask_all(name: str, large: Feed, small: Feed) -> None:
    """Each question once to warm up and once to measure, and then as a page over HTTP; both feeds in turn."""
    feeds = (large, small)
    clients = {feed.emails: http.client.HTTPConnection("127.0.0.1", feed.port, timeout=60) for feed in feeds}
    for asked in zip(*(feed.questions[name] for feed in feeds), strict=True):
        for feed, question in zip(feeds, asked, strict=True):
            feed.use()
            _in_database(feed, question.text, question.before)
            feed.sql_ms.setdefault(name, []).append(_in_database(feed, question.text, question.before))
            feed.http_ms.setdefault(name, []).append(_over_http(feed, clients[feed.emails], question))
    for client in clients.values():
        client.close()
    print(f"  {name}: {quantile(large.sql_ms[name], 0.95):.1f} ms", flush=True)


def _in_database(feed: Feed, text: str, before: int | None) -> float:
    """The milliseconds that the statements of this search take."""
    from django.db import connection
    from django.utils import timezone

    from feeds import search
    from feeds.query import Filter

    spent = 0.0

    def watch(execute: Any, *call: Any) -> Any:
        nonlocal spent
        begin = time.perf_counter()
        try:
            return execute(*call)
        finally:
            spent += time.perf_counter() - begin

    asked, now = Filter.parse(text), timezone.now()
    with connection.execute_wrapper(watch):
        search.page(feed.access, asked, now, before, PAGE)
    return spent * 1000


def _over_http(feed: Feed, client: http.client.HTTPConnection, question: Question) -> float:
    """The milliseconds from the request to the last byte of the page."""
    params = [("q", question.text)] if question.text else []
    params += [("before", str(question.before))] if question.before else []
    begin = time.perf_counter()
    client.request(
        "GET",
        f"/a/{feed.access.account.slug}/?{urlencode(params)}",
        headers={"Host": "localhost", "Cookie": feed.cookie},
    )
    answer = client.getresponse()
    answer.read()
    took = (time.perf_counter() - begin) * 1000
    if answer.status != http.client.OK:
        raise SystemExit(
            f"The page of {question.text!r} was refused: {answer.status} {answer.headers['Location'] or ''}"
        )
    return took


def _deep(feed: Feed) -> list[Case]:
    """Pages further and further down, without a filter."""
    from bench import questions

    feed.use()
    cases = []
    for page in DEEP:
        before = questions.page_at(feed.access.account, page, PAGE)
        if before is not None:
            took = [_in_database(feed, "", before) for _round in range(DEEP_ROUNDS)]
            cases.append(_case(f"page {page:,}", took))
    return cases


def _plainly(feed: Feed, asked: list[Question]) -> list[float]:
    """The milliseconds of the plain way for some questions; one that takes too long counts as long as it may."""
    from django.db import OperationalError, connection, transaction

    from feeds.models import Email

    feed.use()
    took = []
    for question in asked[:: max(1, len(asked) // PLAIN_QUESTIONS)][:PLAIN_QUESTIONS]:
        emails = Email.objects.filter(question.plain, account=feed.access.account).order_by("-id")
        if question.before is not None:
            emails = emails.filter(id__lt=question.before)
        begin = time.perf_counter()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"set local statement_timeout = '{PLAIN_SECONDS}s'")
                list(emails[: PAGE + 1])
        except OperationalError:
            pass
        took.append((time.perf_counter() - begin) * 1000)
    return took


def _case(name: str, took: list[float], **more: float | None) -> Case:
    return Case(name, p50_ms=quantile(took, 0.5), p95_ms=quantile(took, 0.95), p99_ms=quantile(took, 0.99), **more)


def _result(large: Feed, small: Feed, plain: dict[str, list[float]], deep: list[Case]) -> Result:
    cases = []
    for name, took in large.sql_ms.items():
        beside = small.sql_ms[name]
        cases.append(
            _case(
                name, took, http_p95_ms=quantile(large.http_ms[name], 0.95), tenth_p50_ms=quantile(beside, 0.5),
                tenth_p95_ms=quantile(beside, 0.95), growth=quantile(took, 0.95) / quantile(beside, 0.95),
                ratio=quantile(plain[name], 0.5) / quantile(took, 0.5),
            )
        )  # fmt: skip
    worst = max(cases, key=lambda case: case.p95_ms or 0)
    assert worst.ratio
    return Result(
        "search", large.emails, worst.ratio, p50_ms=worst.p50_ms, p95_ms=worst.p95_ms, p99_ms=worst.p99_ms,
        cases=[*cases, *deep],
    )  # fmt: skip
