"""The baselines of `intake` and `submit`: the views of a plain Django application, with plain tables of their own.

It is served by the product's command, settings and middleware; only the addresses are different.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from django.contrib.auth.decorators import login_not_required
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

if TYPE_CHECKING:
    from django.http import HttpRequest

RANKS = {"processed": 0, "delivered": 2, "bounce": 3, "open": 4, "click": 5}


class PlainEmail(models.Model):
    message_id = models.CharField(max_length=100)
    recipient = models.EmailField(max_length=320)
    status = models.SmallIntegerField(default=0)
    opens = models.IntegerField(default=0)
    comment = models.TextField(default="")
    last_at = models.DateTimeField()

    class Meta:
        app_label = "bench"
        constraints = [models.UniqueConstraint("message_id", "recipient", name="plain_email_once")]

    def __str__(self) -> str:
        return self.recipient


class PlainEvent(models.Model):
    email = models.ForeignKey(PlainEmail, models.CASCADE)
    event_id = models.CharField(max_length=100, db_index=True)
    name = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    comment = models.TextField()
    url = models.TextField()
    ip = models.CharField(max_length=45)
    user_agent = models.TextField()

    class Meta:
        app_label = "bench"

    def __str__(self) -> str:
        return self.name


def make_tables(emails: int) -> None:
    """Make the tables and put this many emails into them."""
    with connection.schema_editor() as editor:
        editor.create_model(PlainEmail)
        editor.create_model(PlainEvent)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into bench_plainemail (message_id, recipient, status, opens, comment, last_at)"
            " select 'seed-' || n, 'person.' || n || '@gmail.com', 2, 0, '250 2.0.0 OK', now()"
            " from generate_series(1, %s) n",
            [emails],
        )
        cursor.execute("vacuum analyze bench_plainemail")


@csrf_exempt
@login_not_required
@require_POST
@transaction.atomic
def receive(request: HttpRequest) -> HttpResponse:
    """Save each event of the request: find or make its email, make the event, save the email's status.

    All in one transaction, which is kind to it: one commit for a hundred events.
    """
    for told in json.loads(request.body):
        at = datetime.fromtimestamp(told["timestamp"], UTC)
        email, _made = PlainEmail._default_manager.get_or_create(
            message_id=told["sg_message_id"], recipient=told["email"], defaults={"last_at": at}
        )
        PlainEvent._default_manager.create(
            email=email, event_id=told["sg_event_id"], name=told["event"], occurred_at=at,
            comment=told.get("response", ""), url=told.get("url", ""), ip=told.get("ip", ""),
            user_agent=told.get("useragent", ""),
        )  # fmt: skip
        email.status = max(email.status, RANKS[told["event"]])
        email.opens += told["event"] == "open"
        email.last_at = max(email.last_at, at)
        email.save(update_fields=["status", "opens", "last_at"])
    return HttpResponse("Stored.")


@csrf_exempt
@login_not_required
@require_POST
@transaction.atomic
def send(request: HttpRequest) -> HttpResponse:
    """Save an email and its first event for each recipient of a v5 request, all in one transaction."""
    asked, now, uid = json.loads(request.body), timezone.now(), uuid4().hex
    for group in asked["personalizations"]:
        for to in group["to"]:
            email = PlainEmail._default_manager.create(message_id=uid, recipient=to["email"], last_at=now)
            PlainEvent._default_manager.create(
                email=email, event_id=f"{uid}-{email.pk}", name="processed", occurred_at=now, comment="", url="",
                ip="", user_agent="",
            )  # fmt: skip
    return HttpResponse(uid, status=202)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("in", receive), path("send", send), path("healthz", login_not_required(healthz))]
