"""What workers do for sending, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from delivery import digest, dns, errands, mailer, notices, retention
from feeds.tasks import DATABASE_AWAY


@shared_task(throws=DATABASE_AWAY)
def send_due() -> None:
    mailer.work()


@shared_task(throws=DATABASE_AWAY)
def run_errands() -> None:
    errands.work()


@shared_task(throws=DATABASE_AWAY)
def clear_content() -> None:
    retention.clear_content(timezone.now())


@shared_task(throws=DATABASE_AWAY)
def forget_messages() -> None:
    now = timezone.now()
    retention.forget_messages(now)
    retention.forget_answers(now)
    notices.forget(now)
    digest.forget(now)


@shared_task(throws=DATABASE_AWAY)
def check_domains() -> None:
    dns.look_again(timezone.now())


@shared_task(throws=DATABASE_AWAY)
def tell_bounces() -> None:
    digest.send_due(timezone.now())
