"""Mail in the simulated world, at work: an application hands it in, servers take or refuse it, people read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from simulator import server
from simulator.acts import Doer
from simulator.application import Application
from simulator.mailboxes import Mailboxes
from simulator.people import people
from simulator.readers import Readers
from simulator.world import World


@dataclass(frozen=True, slots=True)
class Post:
    """How mail flows: `rate` emails a second are handed in with the API key `key`, the receiving servers listen at
    `port` of this machine, links in mail begin with `public`, and what comes back goes to the SMTP port `returns`,
    (host, port)."""

    rate: float
    key: str
    port: int
    public: str
    returns: tuple[str, int]


@contextmanager
def flowing(post: Post, url: str, seed: int, say: Callable[[str], None]) -> Iterator[Application]:
    """Mail flows during the block, from and to the Live Feeds at `url`. Raises OSError where the port is taken."""
    # A world of its own: who writes when must not depend on what providers tell meanwhile. Its people are always the
    # same ones, for what is still to be tried for those of an earlier run.
    world = World(seed, {"": 1.0}, people(Random(0)))  # noqa: S311
    doer = Doer(url, post.public, post.returns)
    chance = Random(seed)  # noqa: S311 - a play, not a secret
    servers = server.serve(server.Handler(Mailboxes(world.people, chance), Readers(chance), doer), post.port)
    application = Application(url, post.key, post.rate, world, say)
    application.start()
    try:
        yield application
    finally:
        application.end()
        servers.stop()
        doer.end()
