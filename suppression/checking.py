"""Who must not be mailed, asked for any number of addresses at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from suppression.models import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

# Word for word what Netcore says: clients compare these.
SENTENCES = {
    Reason.HARD_BOUNCE: "Email dropped: User suppressed due to hard bounce",
    Reason.SPAM: "Email dropped: User suppressed due to abuse complaint",
    Reason.UNSUBSCRIBED: "Email dropped: User suppressed due to unsubscription",
    Reason.MANUAL: "Email dropped: User added to suppression list manually",
}

# Index: one_row_per_address_and_reason.
FIND = """
select distinct on (address) address, reason, id from suppression_suppression
where account_id = %s and address = any(%s) order by address, since, reason
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an address must not be mailed: the earliest reason there is, and the row that says so."""

    reason: Reason
    sentence: str
    suppression_id: int


def stopped(account_id: int, addresses: Iterable[str]) -> dict[str, Stop]:
    """Those of these addresses this account must not mail, by the address in lower case. One statement."""
    wanted = sorted({address.lower() for address in addresses})
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(FIND, [account_id, wanted])
        return {
            address: Stop(Reason(reason), SENTENCES[Reason(reason)], suppression_id)
            for address, reason, suppression_id in cursor
        }
