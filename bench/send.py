"""Emails sent per second to a sink that takes everything, with DKIM and tracking on, by one and two workers.

Beside them: a bare loop over smtplib that composes, tracks and signs the same emails with the same functions and
sends them over one connection, without a database; django-post_office, which neither tracks nor signs, and once more
with our functions for that; and Postfix as a relay, where it is installed. Each email is a message of its own, of about
4 KB.
"""

from __future__ import annotations

import signal
import smtplib
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Account
from bench import office, postfix, sinks
from bench.report import Case, Result
from bench.seed import seed
from bench.sinks import Sink
from delivery import compose, deliver, signing
from delivery.accept import accept
from delivery.models import Mailer, Outgoing, SenderDomain, Transport
from delivery.orders import Group, Mailbox, Order
from delivery.routes import Book
from settings import processes
from settings.runner import commands
from tracking import rewriting

if TYPE_CHECKING:
    from delivery.destinations import Job

MAILS, WARM_UP, BASELINE_MAILS = 3000, 300, 1500
# As many as Postfix opens to one place is 20.
CONNECTIONS = 16
DOMAIN = "acme-shop.com"
SENDER = f"news@{DOMAIN}"
SECONDS = 180
PARAGRAPH = "<p>Your order is on its way, and this is what happens next. We pack it by hand, which takes a day. </p>"
PLACES = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "web.de", "icloud.com", "orange.fr", "mail.ru")
FAR = timedelta(days=1)


# Each recipient gets a message of their own, as if every one of them had been handed in by itself.
PART = """
insert into delivery_message (id, uid, account_id, origin, sender, sender_name, subject, settings, parts, is_test,
    created_at, kept_until)
select o.email_id, md5(o.email_id::text), m.account_id, m.origin, m.sender, m.sender_name,
    replace(m.subject, '@@', o.email_id::text), m.settings, replace(m.parts::text, '@@', o.email_id::text)::jsonb,
    m.is_test, m.created_at, m.kept_until
from delivery_outgoing o join delivery_message m on m.id = o.message_id where m.uid = %s;
update delivery_outgoing set message_id = email_id where message_uid = %s
"""


def html(number: str) -> str:
    """About 4 KB with ten links, as a shop writes them."""
    links = "".join(f'<p><a href="https://shop.example/orders/{number}/{i}">Line {i}</a></p>' for i in range(10))
    return f"<html><body><h1>Order {number}</h1>{PARAGRAPH * 14}{links}</body></html>"


def order(first: int, mails: int) -> Order:
    return Order(
        sender=Mailbox(SENDER, "Acme"), subject="Your order @@", html=html("@@"), text="Your order @@ is on its way.",
        groups=[Group([Mailbox(f"p{n}@{PLACES[n % len(PLACES)]}")]) for n in range(first, first + mails)],
        tags=["receipt"],
    )  # fmt: skip


def sending_account(emails: int, sink: Sink) -> Account:
    """An account whose mail goes to the sink, in a database that holds so many emails already."""
    account = seed(emails).account
    key = signing.make_key()
    SenderDomain.objects.create(
        account=account,
        name=DOMAIN,
        selector="lf",
        private_key=key.private,
        public_key=key.public,
        proven_at=timezone.now(),
    )
    Transport.objects.create(
        account=account, kind="relay", name="Sink", host="127.0.0.1", port=sink.port, connections=CONNECTIONS,
        is_default=True,
    )  # fmt: skip
    return account


def place(account: Account, first: int, mails: int) -> None:
    """Hand in so many messages, which are not due yet."""
    with transaction.atomic(), connection.cursor() as cursor:
        taken = accept(order(first, mails), account, timezone.now())
        Outgoing.objects.update(next_attempt_at=timezone.now() + FAR)
        cursor.execute(PART, [taken.uid, taken.uid])
    with connection.cursor() as cursor:
        cursor.execute("analyze delivery_outgoing, delivery_message")


def jobs(account: Account) -> list[Job]:
    """What lies in the queue, with all that sending it takes."""
    rows = list(Outgoing.objects.filter(account=account).order_by("email_id"))
    return deliver.jobs(rows, Book().of({account.id}))


def bare_loop(emails: Sequence[Job], sink: Sink) -> float:
    """Emails a second through smtplib over one connection that is kept."""
    taken = sink.taken
    # Ours meets each message for the first time.
    compose.forget()
    rewriting.forget()
    with smtplib.SMTP("127.0.0.1", sink.port, local_hostname="bench.example") as client:
        client.ehlo()
        began = time.perf_counter()
        for job in emails:
            mail = deliver.track(job, deliver.compose(job))
            whole = deliver.sign(job, mail)
            client.mail(mail.envelope_from)
            client.rcpt(mail.recipient)
            client.data(whole)
        seconds = time.perf_counter() - began
    sink.wait_for(taken + len(emails))
    return len(emails) / seconds


@contextmanager
def workers(number: int, **environ: str) -> Iterator[None]:
    """The worker that sends, by the product's own command, with so many processes."""
    command = commands.worker("send", number)
    environ |= {"ALLOWED_NETWORKS": "127.0.0.0/8", "SENDERS": str(number)}
    told = settings.LIVEFEEDS_HOME / f"send-{number}.log"
    with told.open("wb") as file:
        started = processes.Command(command.argv, {**command.environ, **environ}, command.stop, command.orphaned)
        process = processes.start(started, output=file.fileno())
    try:
        yield
    finally:
        process.send_signal(command.stop)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            processes.signal_group(process, signal.SIGKILL)
            process.wait()


def nudge(times: int) -> None:
    from celery import current_app

    for _time in range(times):
        current_app.send_task("delivery.tasks.send_due", expires=60)


def is_sent(account: Account) -> bool:
    return not Outgoing.objects.filter(account=account).exists()


def drain(account: Account, number: int, sink: Sink) -> float:
    """Make all that lies in the queue due at once, and give how many a second were sent and recorded."""
    waiting = Outgoing.objects.filter(account=account)
    mails = waiting.count()
    # Nobody asks the database before the sink has all of them: it has enough to do.
    last = sink.taken + mails
    began = time.perf_counter()
    waiting.update(next_attempt_at=timezone.now())
    nudge(number)
    told = began
    while sink.taken < last or not is_sent(account):
        time.sleep(0.02)
        if time.perf_counter() - told > 1:
            told = time.perf_counter()
            nudge(1)
        if told - began > SECONDS:
            raise SystemExit(f"Not sent after {SECONDS} seconds: {waiting.count()} of {mails} are left.")
    return mails / (time.perf_counter() - began)


def wait_for_mailers(number: int) -> None:
    """Until each process of the worker has looked once."""
    deadline = time.monotonic() + 60
    while Mailer.objects.count() < number:
        nudge(number)
        time.sleep(0.3)
        if time.monotonic() > deadline:
            raise SystemExit("The worker did not start.")


def measure_ours(account: Account, number: int, first: int, sink: Sink) -> float:
    """Emails a second with so many processes, when all of them are there and warm."""
    Mailer.objects.all().delete()
    with workers(number):
        wait_for_mailers(number)
        place(account, first, WARM_UP)
        drain(account, number, sink)
        place(account, first + WARM_UP, MAILS)
        return drain(account, number, sink)


def run(emails: int, *, hang: bool = False) -> Result:
    """All of them in turn, to the same sink; with `hang` what servers that hang cost the others."""
    if hang:
        from bench import hang as hanging

        return hanging.run(emails)
    with ExitStack() as stack:
        sink = stack.enter_context(sinks.running())
        account = sending_account(emails, sink)
        place(account, 0, BASELINE_MAILS)
        lying = jobs(account)
        bare_loop(lying[:WARM_UP], sink)
        bare = bare_loop(lying, sink)
        Outgoing.objects.filter(account=account).delete()
        found = {f"Live Feeds, {n} worker{'s'[: n - 1]}": measure_ours(account, n, 100_000 * n, sink) for n in (1, 2)}
        bare = max(bare, bare_loop(lying, sink))
        name, texts = f"django-post_office {office.version()}", [html(str(n)) for n in range(BASELINE_MAILS)]
        theirs = {name: office.measure(sink, texts)}
        theirs[f"{name}, the same mail"] = office.measure(sink, texts, same=True)
        if relayed := postfix.measure(sink, MAILS):
            theirs["Postfix as a relay"] = relayed
    one = found["Live Feeds, 1 worker"]
    cases = [Case(f"bare smtplib loop to {sink.name}", per_second=bare)]
    cases += [Case(name, per_second=speed, ratio=speed / bare) for name, speed in (found | theirs).items()]
    return Result("send", emails, ratio=one / bare, per_second=one, cases=cases)
