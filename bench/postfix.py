"""Postfix as a relay between smtp-source and the sink, with a configuration and a queue of its own below var/."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.servers import free_port
from bench.sinks import tool

if TYPE_CHECKING:
    from bench.sinks import Sink

SESSIONS, SIZE = 8, 4096
MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = {commands}
daemon_directory = {daemons}
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
default_destination_concurrency_limit = 20
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
maillog_file = {home}/log
maillog_file_prefixes = {home}
"""
PARTS = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def measure(sink: Sink, mails: int) -> float | None:
    """Messages a second; None where Postfix cannot be started here."""
    source, postfix = tool("smtp-source"), tool("postfix")
    if not (source and postfix and os.geteuid() == 0):
        return None
    with _running(postfix, sink.port) as port:
        if port is None:
            return None
        argv = [source, "-c", "-s", str(SESSIONS), "-l", str(SIZE), "-f", "a@acme.test", "-t", "b@example.com"]
        for count in (min(300, mails), mails):
            taken, began = sink.taken, time.perf_counter()
            subprocess.run([*argv, "-m", str(count), f"127.0.0.1:{port}"], check=True, capture_output=True)
            sink.wait_for(taken + count)
            seconds = time.perf_counter() - began
    return mails / seconds


@contextmanager
def _running(postfix: str, sink: int) -> Iterator[int | None]:
    """Its port, while it runs."""
    home = Path(tempfile.mkdtemp(prefix="livefeeds-postfix-"))
    port = free_port()
    try:
        home.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        daemons = next(p for p in ("/usr/lib/postfix/sbin", "/usr/libexec/postfix") if Path(p).exists())
        folder = home / "etc"
        folder.mkdir()
        for name in ("queue", "data"):
            (home / name).mkdir()
        os.chown(home / "data", owner.pw_uid, owner.pw_gid)
        words = {"home": home, "sink": sink, "port": port, "commands": Path(postfix).parent, "daemons": daemons}
        (folder / "main.cf").write_text(MAIN.format(**words))
        (folder / "master.cf").write_text(PARTS.format(**words))
        argv = [postfix, "-c", str(folder)]
        started = subprocess.run([*argv, "start"], capture_output=True, text=True, check=False)
        if started.returncode:
            print(f"Postfix could not be started: {started.stderr.strip()[-500:]}")
            yield None
            return
        try:
            time.sleep(1)
            yield port
        finally:
            subprocess.run([*argv, "stop"], capture_output=True, check=False)
    except (KeyError, StopIteration, OSError) as error:
        print(f"Postfix could not be started: {error}")
        yield None
    finally:
        shutil.rmtree(home, ignore_errors=True)
