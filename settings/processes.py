"""Starting a process so that it never outlives the one that started it, nor has more rights than it needs."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LINUX = sys.platform == "linux"
# From the kernel's prctl.h and capability.h.
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its arguments, its environment beside ours, and the signals that end it.

    `stop` asks it to end, `orphaned` is sent when we are gone ourselves and nobody waits for it.
    `user` is who it runs as (ourselves when None); `anywhere` lets that user pass folders closed to them.
    """

    argv: Sequence[str | Path]
    environ: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGKILL
    user: pwd.struct_passwd | None = None
    anywhere: bool = False


def start(command: Command, *, output: int | None = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that Ctrl-C reaches only us and its whole group can be signalled.

    When this process ends, even by kill -9, the kernel sends `command.orphaned`. Call from the main thread: what
    the kernel watches is the thread that started it.
    """
    ours = os.getpid()

    def in_child() -> None:
        if command.user is not None:
            _become(command.user, command.anywhere)
        # After the change of user, which would undo it.
        end_with_parent(command.orphaned)
        if os.getppid() != ours:
            os._exit(1)

    return subprocess.Popen(
        [str(word) for word in command.argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **command.environ},
        start_new_session=True,
        preexec_fn=in_child,  # noqa: PLW1509  (no threads here)
    )


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send us this signal when the process that started us ends."""
    if LINUX:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to all of the process's group, also when its leader is gone already."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def _become(user: pwd.struct_passwd, anywhere: bool) -> None:
    keep = anywhere and LINUX
    if keep:
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # Or else access(), by which initdb looks for its own programs, would ignore the capability.
        _libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if keep:
        bit = 1 << CAP_DAC_OVERRIDE
        sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
        if _libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets) != 0:
            # It would go on with all that root may do.
            os._exit(1)
        _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def servant() -> pwd.struct_passwd | None:
    """Who PostgreSQL runs as when we are root, which it refuses to serve; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def closed_to_others(path: Path) -> bool:
    """Whether some folder on the way to `path` may not be passed by other people's processes."""
    return any(not folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
