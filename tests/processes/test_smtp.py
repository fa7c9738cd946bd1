"""Whatever dies, and whenever: what the SMTP server said it has is stored."""

from __future__ import annotations

import re
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.delivery.doors import trusting
from tests.processes.site import Site, running_site, wait_until

pytestmark = pytest.mark.processes

# Who may send: an account, its domain and a key, made by the site itself. What a disabled account hands in is held, so
# that nothing of it leaves this machine.
MAKE = """
from accounts import keys; from accounts.access import enter; from accounts.models import Account, User
from delivery.models import SenderDomain
user = User.objects.get(); account = Account.objects.filter(membership__user=user).get()
Account.objects.update(enabled=False)
SenderDomain.objects.create(account=account, name="shop.com", selector="lf", private_key={}, public_key="",
                            return_path="bounces.shop.com", proven_at=user.date_joined)
print("KEY", keys.make_key(enter(user, account.slug), "shop", [keys.Scope.SEND])[1])
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    with (site.home / "made").open("wb") as output:
        site.command("shell", "-c", MAKE, output=output).wait(60)
    found = re.search(r"KEY (\S+)", (site.home / "made").read_text())
    assert found, (site.home / "made").read_text()
    return found[1]


class Application(threading.Thread):
    """Hands in one message after the other, and notes the uid of each that was accepted."""

    def __init__(self, site: Site, key: str, number: int) -> None:
        super().__init__(daemon=True)
        self.site, self.key, self.number = site, key, number
        self.accepted: list[str] = []
        self.later = 0
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            with suppress(OSError, smtplib.SMTPException), self.connected() as client:
                while not self.enough.is_set():
                    self._hand_in(client)
            self.enough.wait(0.1)

    def connected(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=20)
        client.starttls(context=trusting())
        client.login("apikey", self.key)
        return client

    def _hand_in(self, client: smtplib.SMTP) -> None:
        client.mail("orders@shop.com")
        client.rcpt(f"bob{self.number}@gmail.com")
        code, words = client.data(b"From: orders@shop.com\r\nSubject: Hello\r\n\r\nHello\r\n")
        if code == 250:
            self.accepted.append(words.decode().split()[-1])
        else:
            assert code == 451, words
            self.later += 1
            self.enough.wait(0.1)

    def goes_on(self, messages: int = 5) -> None:
        goal = len(self.accepted) + messages
        wait_until(lambda: len(self.accepted) >= goal, 30, "messages are accepted")


@pytest.fixture
def applications(site: Site, key: str) -> Iterator[list[Application]]:
    applications = [Application(site, key, number) for number in range(3)]
    for one in applications:
        one.start()
    yield applications
    for one in applications:
        one.enough.set()
    for one in applications:
        one.join(30)


def stored(site: Site) -> set[str]:
    with site.connected() as connection:
        return {
            row[0]
            for row in connection.execute("""
                select m.uid from delivery_message m join feeds_email e on e.message_id = m.uid
                join delivery_outgoing o on o.email_id = e.id and o.message_id = m.id
                where m.raw is not null and o.held <> 0
            """)
        }


def all_accepted(applications: list[Application]) -> set[str]:
    return {uid for one in applications for uid in one.accepted}


def test_killed_right_after_it_accepted(site: Site, applications: list[Application]) -> None:
    for _time in range(3):
        applications[0].goes_on()
        (process,) = site.processes("manage.py", "smtp")
        process.kill()
        assert all_accepted(applications) <= stored(site)
    applications[0].goes_on()
    assert len(all_accepted(applications)) > 15


def test_the_database_is_away_and_comes_back(site: Site, applications: list[Application]) -> None:
    applications[0].goes_on()
    (process,) = site.processes("manage.py", "smtp")
    site.stop_postgres()
    try:
        wait_until(lambda: all(one.later > 1 for one in applications), 30, "they are told to come again")
    finally:
        site.start_postgres()
    for one in applications:
        one.goes_on()
    assert site.processes("manage.py", "smtp") == [process]
    assert all_accepted(applications) <= stored(site)


def test_told_to_end_it_ends_at_once_although_somebody_is_connected(site: Site, key: str) -> None:
    client = Application(site, key, 9).connected()
    (process,) = site.processes("manage.py", "smtp")
    process.terminate()
    process.wait(3)
    assert client.getreply()[0] == 421
    client.close()
    wait_until(lambda: bool(site.processes("manage.py", "smtp")), 20, "another one was started")


def test_what_a_pipe_could_not_hand_over_is_kept_by_the_mail_server(site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "returned", "--recipient", "x@bounces.shop.com"],
        cwd=Path(__file__).parents[2], env=site.environ | {"DATABASE_URL": "postgresql://me@127.0.0.1:1/feeds"},
        input=b"Subject: gone\n\n", capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 75
    assert b"Traceback" not in done.stderr
