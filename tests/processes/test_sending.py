"""Whatever dies while mail is sent: nothing is lost, and at most the email nobody knows the fate of comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import connection

from delivery.models import Attempt, Mailer, Outgoing
from feeds.events import Status
from feeds.models import Email, StoredEvent
from settings import embedded
from tests import make
from tests.delivery.engine import place
from tests.processes.sender import deaths
from tests.processes.site import ROOT, Site, running_site, wait_until
from tests.sinks import Slow, sink

pytestmark = pytest.mark.processes

LONG = bool(os.environ.get("LIVEFEEDS_LONG_TESTS") or os.environ.get("CI"))
MAILS = 12
# Where an email is under way: nobody knows of one that it was accepted, or it is not written down yet.
IN_DOUBT = {"compose", "track", "sign", "send", "classify", "keep"}


@pytest.fixture(scope="module")
def mx() -> Iterator[Any]:
    with sink(replies={"slow.test": Slow(0.2)}) as made:
        yield made


@pytest.fixture(scope="module")
def site(mx: Any) -> Iterator[Site]:
    with running_site(MX_ROUTES=f"*=127.0.0.1:{mx.port}", RESERVED_DOMAINS="test", SENDERS="2") as site:
        yield site


@pytest.mark.django_db(transaction=True)
class TestBetweenTwoSteps:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        told = connection.settings_dict
        url = f"postgresql://{told['USER']}@/{told['NAME']}?host={told['HOST']}"
        return os.environ | {"DATABASE_URL": url, "LIVEFEEDS_PROCESS": "command", "RESERVED_DOMAINS": "test"}

    def sender(self, environ: dict[str, str], *words: str) -> int:
        argv = [sys.executable, "-m", "tests.processes.sender", "send", *words]
        return subprocess.run(argv, cwd=ROOT, env=environ, timeout=60, check=False).returncode

    @pytest.mark.parametrize("step", deaths())
    def test_a_sender_dies_and_another_one_goes_on(self, step: str, environ: dict[str, str]) -> None:
        account = make.account()
        make.sender_domain(account)
        recipients = [f"p{n}@example.com" for n in range(MAILS)]
        place(account, *recipients)
        # Steps of many at a time are passed once, those of each email for each.
        times = "4" if step in IN_DOUBT else "1"
        with sink() as mx:
            environ["MX_ROUTES"] = f"*=127.0.0.1:{mx.port}"
            assert self.sender(environ, step, times) == -signal.SIGKILL
            # Nobody waits here until it counts as dead.
            Mailer.objects.update(beat_at="2026-01-01T00:00Z")
            assert self.sender(environ) == 0
        got = Counter(message.recipients[0] for message in mx.messages)
        assert set(got) == set(recipients), "nothing is lost"
        twice = [recipient for recipient, times in got.items() if times > 1]
        assert got.total() - len(got) == len(twice) <= (1 if step in IN_DOUBT else 0)
        assert twice or step not in ("send", "classify"), "it was accepted, and nobody knew"
        for recipient in twice:
            assert len({m.parsed["Message-ID"] for m in mx.messages if m.recipients == [recipient]}) == 1
        assert set(Email.objects.values_list("status", flat=True)) == {Status.DELIVERED}
        assert StoredEvent.objects.filter(kind=Status.DELIVERED).count() == Attempt.objects.count() == MAILS
        # And the page can say of which email it may be.
        ids = Attempt.objects.filter(interrupted=True).values_list("email_id", flat=True)
        doubted = set(Email.objects.filter(id__in=list(ids)).values_list("recipient", flat=True))
        assert set(twice) <= doubted
        assert len(doubted) <= 1
        assert not Outgoing.objects.exists()


class TestTheWholeSite:
    def place(self, site: Site, first: int, mails: int, domain: str) -> None:
        argv = [sys.executable, "-m", "tests.processes.sender", "place", str(first), str(mails), domain]
        environ = site.environ | {"DJANGO_SETTINGS_MODULE": "settings.base"}
        environ["REDIS_URL"] = embedded.broker_url(site.home)
        subprocess.run(argv, cwd=ROOT, env=environ, timeout=120, check=True)

    def is_empty(self, site: Site) -> bool:
        return site.count("select count(*) from delivery_outgoing") == 0

    def got(self, mx: Any, domain: str) -> Counter[str]:
        return Counter(m.recipients[0] for m in list(mx.messages) if m.recipients[0].endswith(domain))

    def test_the_broker_forgets_everything_and_all_go_out(self, site: Site, mx: Any) -> None:
        mails = 10_000 if LONG else 1000
        with redis.Redis.from_url(embedded.broker_url(site.home)) as broker:
            self.place(site, 0, mails, "flushed.test")
            while not self.is_empty(site):
                before = len(mx.messages)
                broker.flushall()
                wait_until(lambda: self.is_empty(site) or len(mx.messages) > before + 100, 60, "mail goes out")  # noqa: B023
        assert self.got(mx, "flushed.test") == Counter({f"p{n}@flushed.test": 1 for n in range(mails)})

    def test_senders_are_killed_in_the_middle(self, site: Site, mx: Any) -> None:
        before = self.got(mx, "slow.test")
        self.place(site, 0, 120, "slow.test")
        wait_until(lambda: len(self.got(mx, "slow.test")) > len(before) + 5, 40, "some are sent")
        _leader, *senders = site.processes("celery", "send")
        for process in senders:
            process.kill()
        wait_until(lambda: self.is_empty(site), 120, "all are sent")
        got = self.got(mx, "slow.test") - before
        assert len(got) == 120
        # One for each connection at the most: four in all to a domain nobody knows.
        assert got.total() <= 120 + 4 + 1
        said = site.count("select count(*) from delivery_attempt where interrupted")
        assert got.total() - len(got) <= said

    def test_a_worker_that_is_to_end_gives_back_what_it_has(self, site: Site, mx: Any) -> None:
        before = self.got(mx, "slow.test")
        self.place(site, 1000, 60, "slow.test")
        wait_until(lambda: len(self.got(mx, "slow.test")) > len(before) + 5, 40, "some are sent")
        leader, *_senders = site.processes("celery", "send")
        leader.send_signal(signal.SIGTERM)
        leader.wait(10)
        free = "select count(*) from delivery_outgoing where claimed_by is not null"
        wait_until(lambda: site.count(free) == 0, 10, "nothing is claimed by who is gone")
        wait_until(lambda: self.is_empty(site), 90, "all are sent")
        got = self.got(mx, "slow.test") - before
        assert len(got) == 60
        assert got.total() - len(got) <= 5
