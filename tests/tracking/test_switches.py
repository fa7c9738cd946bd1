"""What holds for an email where the request, its domain and the account disagree."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from accounts.models import Account
from tests import make
from tracking import switches
from tracking.models import Farewell, TrackingSettings
from tracking.switches import Origin

pytestmark = pytest.mark.django_db
SAID = (True, False, None)


@pytest.fixture
def acme() -> Account:
    return make.account()


def test_all_is_on_but_links_in_plain_text_as_it_comes(acme: Account) -> None:
    found = switches.of(acme.id, "acme.test", {})
    assert (found.open, found.click, found.unsubscribe, found.text_links) == (True, True, True, False)
    assert set(found.origins.values()) == {Origin.DEFAULT}
    assert found.footer == "Unsubscribe"


@pytest.mark.parametrize("name", ["open", "click", "unsubscribe"])
def test_the_request_overrides_the_domain_and_that_the_account(acme: Account, name: str) -> None:
    everywhere = TrackingSettings.objects.create(account=acme)
    domain = TrackingSettings.objects.create(account=acme, domain="acme.test")
    TrackingSettings.objects.create(account=make.account(), domain="acme.test", open=False, click=False)
    for account_says, domain_says, request_says in product(SAID, SAID, SAID):
        for row, said in ((everywhere, account_says), (domain, domain_says)):
            setattr(row, name, said)
            row.save()
        request: dict[str, Any] = {} if request_says is None else {f"{name}_track": request_says}
        wanted = [(request_says, Origin.REQUEST), (domain_says, Origin.DOMAIN), (account_says, Origin.ACCOUNT)]
        value, origin = next(((v, o) for v, o in wanted if v is not None), (True, Origin.DEFAULT))
        found = switches.of(acme.id, "ACME.test", request)
        assert (getattr(found, name), found.origins[name]) == (value, origin)
        other = switches.of(acme.id, "other.test", request)
        domain_apart = [(v, o) for v, o in wanted if o != Origin.DOMAIN and v is not None]
        assert (getattr(other, name), other.origins[name]) == (domain_apart or [(True, Origin.DEFAULT)])[0]


def test_a_change_holds_for_the_next_email(acme: Account) -> None:
    assert switches.of(acme.id, "acme.test").open
    TrackingSettings.objects.create(account=acme, open=False, host="links.acme.test")
    Farewell.objects.create(account=acme, link_text="Abbestellen")
    found = switches.of(acme.id, "acme.test")
    assert (found.open, found.host, found.footer) == (False, "links.acme.test", "Abbestellen")


def test_two_queries_tell_it(acme: Account, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        switches.of(acme.id, "acme.test", {"open_track": True})
