"""/healthz says that this process answers; /readyz says whether everything behind it is there."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from settings import presence


@login_not_required
async def healthz(request: HttpRequest) -> HttpResponse:
    """Answers "ok" without touching anything: a restart would not mend a database that is away."""
    return HttpResponse("ok", content_type="text/plain")


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return ""


def migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} migrations are not applied: run manage.py migrate." if missing else ""


def broker() -> str:
    with presence.connect() as client:
        client.ping()
    return ""


def worker() -> str:
    if presence.seen()["worker"]:
        return ""
    return f"No worker was seen in the last {presence.WORKER_SECONDS} seconds: start one, or read its log."


def beat() -> str:
    if presence.seen()["beat"]:
        return ""
    return f"The scheduler was not seen in the last {presence.BEAT_SECONDS} seconds: start it, or read its log."


def smtp() -> str:
    if not settings.SMTP_PORT or presence.seen()["smtp"]:
        return ""
    return f"The SMTP server was not seen in the last {presence.SMTP_SECONDS} seconds: start it, or read its log."


PARTS: tuple[Callable[[], str], ...] = (database, migrations, broker, worker, beat, smtp)


def _wrong_with(part: Callable[[], str]) -> str:
    """A sentence for what is wrong, empty when nothing is. Never the driver's words: they hold addresses."""
    try:
        return part()
    except DatabaseError:
        return "The database does not answer: see that PostgreSQL runs and that DATABASE_URL is right."
    except redis.RedisError:
        return "The broker does not answer: see that Valkey or Redis runs and that REDIS_URL is right."


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything is there, else 503; JSON tells of each part what is wrong and what to do."""
    wrong = {part.__name__: _wrong_with(part) for part in PARTS}
    body = {
        "ready": not any(wrong.values()),
        "parts": {name: {"ok": not sentence, "wrong": sentence} for name, sentence in wrong.items()},
    }
    return JsonResponse(body, status=200 if body["ready"] else 503)
