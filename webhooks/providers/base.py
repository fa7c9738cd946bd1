"""What a provider module states: its name, how to set it up, how its requests prove themselves, how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webhooks.requests import RawRequest, Refused

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from feeds.events import Event

type Secrets = Mapping[str, str]
type Verify = Callable[[RawRequest, Secrets, datetime], None]
type Parse = Callable[[RawRequest], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class SecretField:
    """One secret a source of this provider may hold, as the form asks for it."""

    name: str
    label: _StrPromise
    help: _StrPromise
    required: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `verify` raises Refused; `parse` is a pure function and raises Unreadable.

    `steps` say, in the provider's own words for its pages and buttons, how to connect it; `headers` are the request
    headers that are kept with the stored request (lower case); `sample` makes the body of a realistic test event for
    a recipient at a moment; `nonce` names what must not be used twice with another body ("" for nothing).
    `discards_on_5xx` is set where a 5xx makes the provider give the event up at once, so it gets 429 instead.
    """

    slug: str
    name: str
    steps: tuple[_StrPromise, ...]
    parse: Parse
    verify: Verify
    sample: Callable[[str, datetime], RawRequest]
    secrets: tuple[SecretField, ...] = ()
    headers: tuple[str, ...] = ()
    nonce: Callable[[RawRequest], str] | None = None
    discards_on_5xx: bool = False


BASIC_AUTH = SecretField(
    "basic_auth",
    gettext_lazy("User name and password"),
    gettext_lazy("Written as name:password. Put the same two into the address you give the provider."),
)


def verify_basic_auth(request: RawRequest, secrets: Secrets, now: datetime) -> None:
    """Refuse a request without the name and password this source asks for (RFC 7617); none asked, none needed."""
    wanted = secrets.get("basic_auth", "")
    if wanted and not constant_time_compare(request.basic_auth(), wanted):
        raise Refused(_("The user name or password in the request is not the one set for this source."))
