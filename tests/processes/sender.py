"""A process that hands in mail, or sends what is due and dies at a step: `python -m tests.processes.sender ...`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any


def place(first: int, mails: int, domain: str) -> None:
    """Hand in so many emails, of an account that is made where there is none."""
    from django.utils import timezone

    from accounts.models import Account
    from delivery import accept
    from tests import make

    account, new = Account.objects.get_or_create(slug="sending", defaults={"name": "Sending"})
    if new:
        make.sender_domain(account)
    order = make.order(*(f"p{n}@{domain}" for n in range(first, first + mails)))
    accept.accept(order, account, timezone.now())


def deaths() -> dict[str, tuple[Any, str]]:
    """Behind which function of which module a process dies, by the name of the step."""
    from delivery import deliver, journal, mailer, outcomes, recorder

    return {
        "check left over": (deliver, "check_left_over"),
        "check account": (deliver, "check_account"),
        "check suppression": (deliver, "check_suppression"),
        "pay": (deliver, "pay"),
        "claim": (deliver, "claim"),
        "hand out": (mailer.Mailer, "_hand_out"),
        "compose": (deliver, "compose"),
        "track": (deliver, "track"),
        "sign": (deliver, "sign"),
        "send": (deliver, "send"),
        "classify": (deliver, "classify"),
        "keep": (journal.Journal, "_keep"),
        "tell": (outcomes, "tell"),
        "settle": (outcomes, "settle"),
        "record": (recorder.Recorder, "_write"),
    }


def die_behind(step: str, times: int) -> None:
    """Have this process killed, as by kill -9, when the step was passed so many times."""
    place, name = deaths()[step]
    whole: Callable[..., Any] = getattr(place, name)
    passed = 0

    def deadly(*words: Any, **named: Any) -> Any:
        nonlocal passed
        done = whole(*words, **named)
        passed += 1
        if passed >= times:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(place, name, deadly)


def send() -> None:
    """Send what is due, over one connection to each domain."""
    from delivery import mailer, throttle
    from delivery.models import Outgoing

    throttle.CONNECTIONS = 1
    while Outgoing.objects.exists():
        if not mailer.work(5):
            time.sleep(0.05)
    mailer.close()


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[1] == "place":
        place(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        if len(sys.argv) > 2:
            die_behind(sys.argv[2], int(sys.argv[3]))
        send()
