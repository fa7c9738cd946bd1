"""Threads for what needs the database. The connections of SMTP clients wait for them without holding one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import Error, OperationalError, close_old_connections

from feeds.outage import database

# No more than the pool has connections, so that none waits for another's.
THREADS = 8


class Threads:
    """As many jobs at a time as there are threads; the others stand in line."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "smtp")

    async def run[**P, T](self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The job's result, or what it raises; django.db.Error at once where the database was away a moment ago.

        A job that has begun goes on to its end, whoever gave it hangs up or not.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: _asked(job, *args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _asked[**P, T](job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    if not database.worth_asking():
        raise OperationalError("The database was away a moment ago.")
    try:
        result = job(*args, **kwargs)
    except Error as error:
        if is_away(error):
            database.failed()
        raise
    finally:
        # A connection of the pool goes back to it; one that broke is thrown away.
        close_old_connections()
    database.answered()
    return result


def is_away(error: Error) -> bool:
    """Whether this says that there is no database, rather than that it refused a statement."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state[:2] in ("08", "57")
