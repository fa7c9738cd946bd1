"""What the feed calls the mail that is sent from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from delivery.models import source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def sources(account_id: int, source_ids: Collection[int] | None) -> Mapping[int, str]:
    """The account's own sending, as a source beside its webhooks."""
    ours = source_of(account_id)
    return {ours: _("Sent from here")} if source_ids is None or ours in source_ids else {}
