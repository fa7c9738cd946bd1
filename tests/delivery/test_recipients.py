from __future__ import annotations

import string
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from delivery.orders import Group, Mailbox, Order
from delivery.recipients import expand, read
from suppression.addresses import PLAIN, NotAnAddress

LETTERS = st.text(string.ascii_lowercase + string.digits + "-", max_size=70)
PARTS = st.text(string.ascii_lowercase + string.digits + "._+-", max_size=70)
ADDRESSES = st.builds(lambda local, labels: f"{local}@{'.'.join(labels)}", PARTS, st.lists(LETTERS, max_size=4))


@pytest.mark.parametrize(
    ("written", "wire", "domain"),
    [
        ("bob@example.com", "bob@example.com", "example.com"),
        ("Bob.Smith+tag@Example.COM", "Bob.Smith+tag@example.com", "example.com"),
        ("bob@müller.de", "bob@xn--mller-kva.de", "xn--mller-kva.de"),
        ("bob@xn--mller-kva.de", "bob@xn--mller-kva.de", "xn--mller-kva.de"),
        ("josé@müller.de", "josé@xn--mller-kva.de", "xn--mller-kva.de"),
        ("POSTMASTER@example.com", "postmaster@example.com", "example.com"),
    ],
)
def test_an_address_is_read_as_servers_take_it(written: str, wire: str, domain: str) -> None:
    address = read(written)
    assert (address.wire, address.domain) == (wire, domain)


@pytest.mark.parametrize(
    "written",
    ["", "bob", "bob@", "@example.com", "a b@example.com", "bob@example", "bob@example..com", "bob@[192.0.2.1]",
     "bob@example.com\r\nBcc: eve@example.com", "x" * 255 + "@example.com", "bob@" + "x" * 64 + ".com", "b\0b@x.com",
     "bob@" + "x." * 130 + "com", "bob@@example.com", "Bob <bob@example.com>", "bob@xn--a.com", "bob@host.invalid",
     "bob@printer.local"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(written: str) -> None:
    with pytest.raises(NotAnAddress, match=r"\w+ .*\.|\)"):
        read(written)


def test_reserved_names_lead_somewhere_where_the_installation_says_so(settings: Any) -> None:
    settings.RESERVED_DOMAINS = ["local"]
    assert read("bob@printer.local").domain == "printer.local"
    with pytest.raises(NotAnAddress, match=r"\.test are reserved"):
        read("bob@example.test")


@given(ADDRESSES)
def test_the_short_way_says_what_the_validator_says(written: str) -> None:
    try:
        valid = validate_email(written, check_deliverability=False)
    except EmailNotValidError:
        with pytest.raises(NotAnAddress):
            read(written)
    else:
        if valid.ascii_domain.rpartition(".")[2] not in ("local", "arpa", "onion"):
            assert (read(written).wire, read(written).domain) == (valid.ascii_email, valid.ascii_domain)


def test_the_short_way_is_taken_for_most() -> None:
    for address in ("bob@example.com", "bob.smith+news@mail.example.co.uk", "b-1_2@x-y.museum"):
        assert PLAIN.fullmatch(address)


def boxes(*addresses: str) -> list[Mailbox]:
    return [Mailbox(address) for address in addresses]


def test_each_recipient_of_a_group_gets_one_email_and_the_order_of_to_cc_bcc_decides_which() -> None:
    group = Group(
        boxes("a@x.com", "A@x.com", "b@x.com"), boxes("b@x.com", "c@x.com"), boxes("c@x.com", "d@x.com"),
        argument="to", argument_cc="cc", argument_bcc="bcc",
    )  # fmt: skip
    order = Order(Mailbox("me@x.com"), "Hi", [group, Group(boxes("a@x.com"))], bcc=boxes("all@x.com", "d@x.com"))
    assert [(r.wire, r.group, r.argument) for r in expand(order)] == [
        ("a@x.com", 0, "to"), ("b@x.com", 0, "to"), ("c@x.com", 0, "cc"), ("d@x.com", 0, "bcc"),
        ("all@x.com", 0, "bcc"), ("a@x.com", 1, ""), ("all@x.com", 1, ""), ("d@x.com", 1, ""),
    ]  # fmt: skip


def test_one_bad_address_does_not_touch_the_others() -> None:
    order = Order(Mailbox("me@x.com"), "Hi", [Group(boxes("not an address", "b@x.com"))])
    bad, good = expand(order)
    assert (bad.wire, bad.domain) == ("not an address", "")
    assert "@-sign" in bad.problem
    assert (good.wire, good.problem) == ("b@x.com", "")
