"""Logs by structlog: readable lines or JSON on standard error, every line of a request with its request id.

What is logged at info never holds addresses, bodies or secrets: of a request that is the route's pattern,
not its path, because the path of a source is its secret.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

log = structlog.stdlib.get_logger("livefeeds.request")
# Asked for every few seconds by whatever watches the site.
QUIET = frozenset({"healthz", "readyz"})
ROUTINE = frozenset(
    {
        "webhook", "v5-send", "v5-suppression", "feed-stream", "tracking-pixel", "tracking-link", "tracking-leave",
        "tracking-logo",
    }
)  # fmt: skip

_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class NoPaths(logging.Filter):
    """Django names the path of a request that failed. Our own line tells the failure, so only crashes are kept."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "A page crashed", ()
        return bool(record.exc_info)


def logging_config(style: str, level: str) -> dict[str, Any]:
    """Django's LOGGING for `style` console or json; also sets up structlog itself."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if style == "json":
        last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # A richer traceback shows variables, which hold addresses, texts and secrets.
        last = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"no_paths": {"()": NoPaths}},
        "formatters": {
            "ours": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Without the handlers that Django brings, which would tell everything twice.
            "django": {"level": level, "handlers": []},
            "django.server": {"level": "ERROR", "handlers": []},
            "django.request": {"level": "ERROR", "filters": ["no_paths"]},
            # A line per task and message: the work itself logs what matters.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            # A worker with much to do meets nudges that came and went: they say no more than "look now".
            "celery.worker.request": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            # aiosmtpd tells every command it hears, addresses and all.
            "mail.log": {"level": "CRITICAL", "propagate": False},
        },
    }


def _done(request: HttpRequest, response: Any, started: float) -> None:
    match = request.resolver_match
    if match and match.url_name in QUIET:
        return
    # What comes many times a second and went well would bury all else.
    routine = match is not None and match.url_name in ROUTINE and response.status_code < 400
    (log.debug if routine else log.info)(
        "request",
        method=request.method,
        route=match.route if match else None,
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )


type Answer = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def request_log(get_response: Answer) -> Answer:
    """Bind a request id to every line logged on the way, send it as X-Request-ID, and log how it ended."""

    def begin() -> str:
        structlog.contextvars.clear_contextvars()
        request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.bind_contextvars(request_id=request_id)
        return request_id

    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponse:
            request_id, started = begin(), time.perf_counter()
            answer: Awaitable[HttpResponse] = get_response(request)
            response = await answer
            response.headers["X-Request-ID"] = request_id
            _done(request, response, started)
            return response

        return waiting

    def plain(request: HttpRequest) -> HttpResponse:
        request_id, started = begin(), time.perf_counter()
        response: HttpResponse = get_response(request)
        response.headers["X-Request-ID"] = request_id
        _done(request, response, started)
        return response

    return plain
