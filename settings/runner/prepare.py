"""What the database and the folder of static files need before people come. Nothing is done twice."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from settings import catalogues
from settings.runner.supervisor import say


def database() -> tuple[str, str] | None:
    """Migrate where needed; at the very first start gives the administrator's name and password."""
    from accounts.setup import first_run

    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            say("Preparing the database ...")
            call_command("migrate", interactive=False, verbosity=0)
        return first_run()
    finally:
        # Our own connection would be the one thing that a restarting database waits for.
        connections.close_all()


def catalogues_of_translations() -> None:
    """Compile the catalogues that changed. Where the sources cannot be written they were compiled at the build."""
    with suppress(PermissionError):
        for folder in settings.LOCALE_PATHS:
            catalogues.compile_all(folder)


def static_files() -> None:
    """Collect the static files when one of them changed since the last time. In DEBUG they are found in place."""
    if settings.DEBUG:
        return
    stamp = settings.STATIC_ROOT.with_name(f"{settings.STATIC_ROOT.name}.stamp")
    state = _fingerprint()
    if (settings.STATIC_ROOT / "staticfiles.json").exists() and stamp.exists() and stamp.read_text() == state:
        return
    say("Collecting the static files ...")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(state)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            digest.update(f"{path} {storage.size(path)} {storage.get_modified_time(path).timestamp()}\n".encode())
    return digest.hexdigest()
