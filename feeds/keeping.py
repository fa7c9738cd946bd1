"""What arrives from outside is kept: in the inbox, or in the spool while the database is away. A worker is told."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import structlog
from django.db import Error, close_old_connections, connection, transaction

from accounts.nudges import Nudge
from feeds import inbox, spool
from feeds.outage import database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feeds.inbox import Incoming

log = structlog.get_logger(__name__)

# Tells a worker that something came.
nudge = Nudge("feeds.tasks.read_inbox")


def keep(arrived: Sequence[Incoming], store: Callable[[Incoming], object] | None = None) -> None:
    """Store all of this in one transaction or, while the database is away, on disk.

    `store` is the inbox's, unless more is to be done in the same breath; what it raises beside errors of the database
    goes through. Raises OSError where nothing can be written.
    """
    if database.worth_asking():
        try:
            with transaction.atomic() if len(arrived) > 1 else nullcontext():
                for incoming in arrived:
                    (store or inbox.store)(incoming)
        except Error as error:
            log.warning("request_spooled", sources=[one.source_id for one in arrived], error=type(error).__name__)
            database.failed()
            _drop_broken_connection()
        else:
            database.answered()
            nudge()
            return
    for incoming in arrived:
        spool.keep(incoming)


def _drop_broken_connection() -> None:
    if not connection.in_atomic_block:
        close_old_connections()
