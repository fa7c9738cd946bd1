"""The keys of the query language: the parser knows them from here, and so does the page that explains them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from feeds.events import Kind, Status
from feeds.staging import FIRST_TIMES

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

STATUSES = {status.name.lower(): status for status in Status}
# Kinds of which an email remembers that it had one.
EVENTS = {kind.name.lower(): kind for kind in (*FIRST_TIMES, Kind.UNKNOWN)}
MARKS: dict[str, StrOrPromise] = {
    "retrying": _("refused for now, no later answer is known"),
    "held": _("accepted and held back: no credits, account disabled, scheduled or throttled"),
    "machine": _("opened or clicked by a machine"),
    "orphan": _("its event named no message"),
    "test": _("a test"),
    "late": _("an event came more than an hour late"),
    "unknown": _("has an event that is not understood"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key: what it means in a line, and values to try. `words` are all there are, where they can be listed, with
    what they mean; of these several may be given with commas between."""

    name: str
    line: StrOrPromise
    examples: tuple[str, ...]
    words: dict[str, StrOrPromise] = field(default_factory=dict)


KEYS = (
    Key("to", _("recipient: a whole address, a part of one, or a pattern"), ("bob@example.com", "bob", "bob@*")),
    Key("from", _("sender: a whole address, a part of one, or a pattern"), ("shop@example.com", "shop*")),
    Key("domain", _("domain of the recipient"), ("gmail.com",)),
    Key(
        "status", _("what the feed shows"), ("bounced", "bounced,dropped"),
        {name: status.label for name, status in STATUSES.items()},
    ),
    Key(
        "event", _("had at least one such event, whatever came later"), ("opened", "deferred,bounced"),
        {name: kind.label for name, kind in EVENTS.items()},
    ),
    Key("is", _("is marked as"), ("retrying", "held", "machine", "late"), MARKS),
    Key("subject", _("subject contains"), ("invoice", '"your order"')),
    Key("comment", _("last answer of the recipient's server contains"), ('"mailbox full"',)),
    Key("code", _("status code of that answer, * for any"), ("5.1.1", "5.1.*")),
    Key("reason", _("reason of a bounce, as the overview groups them"), ('"mailbox full"',)),
    Key("tag", _("has this tag"), ("welcome",)),
    Key("opens", _("how often people opened it"), (">0", "0", ">=3")),
    Key("clicks", _("how often people clicked"), (">0", "0")),
    Key("since", _("of the last minutes, hours, days or weeks"), ("30m", "12h", "2d", "1w")),
    Key("after", _("from this day or time on"), ("2026-03-31", "2026-03-31T14:00")),
    Key("before", _("before this day or time"), ("2026-04-01", "2026-03-31T14:00")),
    Key("id", _("our id, the provider's, or the Message-ID"), ("<abc@mail.example.com>",)),
    Key("arg", _("your own argument of the email"), ("order-1001",)),
    Key("source", _("where its events come from"), ("Postmark",)),
)  # fmt: skip
BY_NAME = {key.name: key for key in KEYS}
