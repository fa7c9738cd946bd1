"""Files of all kinds, as they come from other programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Account, Role
from suppression.imports import work
from suppression.imports.models import State
from suppression.models import Cause, Origin, Reason, Suppression
from tests import make
from tests.suppression.imports.importing import ANNA, BOB, Importer, counts, entries

pytestmark = pytest.mark.django_db

BOUNCED = [("bob@example.com", Reason.HARD_BOUNCE), ("anna@example.com", Reason.HARD_BOUNCE)]
MIXED = [("bob@example.com", Reason.HARD_BOUNCE), ("anna@example.com", Reason.SPAM)]
FILES: dict[str, tuple[str, bytes, list[tuple[str, Reason]]]] = {
    "one column": ("list.csv", b"bob@example.com\nanna@example.com\n", [BOB, ANNA]),
    "without a newline at the end": ("list.csv", b"bob@example.com\nanna@example.com", [BOB, ANNA]),
    "a name above": ("list.csv", b"Email\nbob@example.com\nanna@example.com\n", [BOB, ANNA]),
    "upper case": ("list.csv", b"BOB@Example.COM\r\n  anna@example.com \r\n", [BOB, ANNA]),
    "empty lines": ("list.csv", b"\r\nbob@example.com\r\n\r\n\r\nanna@example.com\r\n\r\n", [BOB, ANNA]),
    "returns alone": ("list.csv", b"Email\rbob@example.com\ranna@example.com\r", [BOB, ANNA]),
    "semicolons, other order": (
        "list.csv", b"Name;Reason;E-Mail\nBob;hard bounce;bob@example.com\nAnna;SPAM;anna@example.com\n", MIXED,
    ),
    "tabs without names": (
        "list.tsv", b"1\tbob@example.com\tbounced\n2\tanna@example.com\tcomplaint\n", MIXED,
    ),
    "commas within quotation marks": (
        "list.csv", b'"Bob, the ""Builder""",bob@example.com\n"Anna\nMaria",anna@example.com\n', [BOB, ANNA],
    ),
    "UTF-8 with a mark": ("list.csv", "\ufeffemail\nbob@example.com\nanna@example.com\n".encode(), [BOB, ANNA]),
    "UTF-16 little": ("list.csv", "email\tx\nbob@example.com\tó\nanna@example.com\tA".encode("utf-16"), [BOB, ANNA]),
    "UTF-16 big": (
        "list.csv", b"\xfe\xff" + "email,name\nbob@example.com,Bó\nanna@example.com,A".encode("utf-16-be"), [BOB, ANNA],
    ),
    "Latin-1": ("list.csv", "endereço;tipo\nbob@example.com;bounce\nanna@example.com;spam\n".encode("latin-1"), MIXED),
    "NUL bytes": ("list.csv", b"bob@example.com\n" * 5000 + b"\0\0anna@example.com\0\n", [BOB, ANNA]),
    "SendGrid": (
        "suppression_bounces.csv",
        (b"status,reason,email,created\n5.1.1,550 5.1.1 The email account does not exist,bob@example.com,1443651125\n"
        b"5.1.1,550 no,anna@example.com,1443651154\n"),
        BOUNCED,
    ),
    "Mailgun": (
        "export.csv",
        (b'address,code,error,created_at\nbob@example.com,550,No such user,"Fri, 21 Oct 2011 11:02:55 GMT"\n'
        b'anna@example.com,550,,"Fri, 21 Oct 2011 11:02:56 UTC"\n'),
        BOUNCED,
    ),
    "Postmark": (
        "export.csv",
        (b"EmailAddress,SuppressionReason,Origin,CreatedAt\nbob@example.com,HardBounce,Recipient,2019-12-10T08:58:33-05:00\n"
        b"anna@example.com,SpamComplaint,Recipient,2019-12-11T08:58:33-05:00\n"),
        MIXED,
    ),
    "Amazon SES": ("bulk.csv", b"bob@example.com,BOUNCE\nanna@example.com,COMPLAINT\n", MIXED),
    "Mailchimp": (
        "cleaned_members_export_12ab.csv",
        (b'"Email Address","First Name",MEMBER_RATING,CLEAN_TIME,LEID\nbob@example.com,Bob,2,"2024-01-02 03:04:05",1\n'
        b'anna@example.com,Anna,2,"2024-01-02 03:04:06",2\n'),
        BOUNCED,
    ),
    "only its name tells": ("my_unsubscribes.txt", b"bob@example.com\n", [("bob@example.com", Reason.UNSUBSCRIBED)]),
    "whole domains": (
        "domains.csv", b"domain\nexample.com\n*.example.org\n",
        [("@example.com", Reason.MANUAL), ("@.example.org", Reason.MANUAL)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_any_kind_is_read_without_help(olga: Importer, acme: Account, kind: str) -> None:
    name, content, expected = FILES[kind]
    job = olga.run(content, name)
    assert job.state == State.DONE
    assert entries(acme) == set(expected)
    assert (job.added, job.bad) == (len(expected), 0)


def test_dates_notes_and_answers_are_kept_with_the_cause(olga: Importer) -> None:
    job = olga.run(
        "email;date;until;note;error\n"
        "a@example.com;31/12/2020;2099-01-31;asked by phone;550 No\n"
        "b@example.com;2021-05-06 07:08:09;;;\n"
        "c@example.com;01/02/2020 5:06 PM;;;\n"
        "d@example.com;2020-01-01T00:00:00+02:00;;;\n"
        "e@example.com;;;;\n",
        note="from the old system",
    )
    assert counts(job) == (5, 0, 0, 0)
    a, b, c, d, e = Cause.objects.order_by("suppression__target")
    assert (a.origin, a.ident, a.import_id, a.actor_name) == (Origin.IMPORT, f"i{job.pk}", job.pk, "olga")
    assert (a.note, a.comment, b.note) == ("asked by phone", "550 No", "from the old system")
    assert a.at == datetime(2020, 12, 31, 3, tzinfo=UTC)
    assert a.until
    assert a.until.isoformat() == "2099-02-01T02:59:59.999999+00:00"
    assert b.at == datetime(2021, 5, 6, 10, 8, 9, tzinfo=UTC)
    assert c.at == datetime(2020, 2, 1, 20, 6, tzinfo=UTC)
    assert d.at == datetime(2019, 12, 31, 22, tzinfo=UTC)
    assert e.at == job.created_at


def test_a_date_of_america_is_known_by_one_that_can_be_no_other(olga: Importer) -> None:
    olga.run("email,date\na@example.com,01/02/2020\nb@example.com,12/31/2020\n")
    assert [cause.at.month for cause in Cause.objects.order_by("suppression__target")] == [1, 12]


def test_what_is_on_the_list_gets_one_more_cause(olga: Importer, acme: Account) -> None:
    there = make.suppression(acme, "bob@example.com", reason=Reason.SPAM)
    job = olga.run("bob@example.com,spam\nanna@example.com,spam\nBOB@example.com,spam\n")
    assert counts(job) == (1, 1, 1, 0)
    assert [cause.ident for cause in there.causes.order_by("at")] == ["u0", f"i{job.pk}"]


def test_a_line_that_comes_again_much_later_is_merged(olga: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEP", 2)
    lines = [
        "a@example.com,2021-01-01,2098-01-01",
        "b@example.com,,",
        "c@example.com,,",
        "a@example.com,2020-01-01,2099-01-01",
    ]
    for order in (lines, lines[::-1]):
        Suppression.objects.all().delete()
        job = olga.run("email,date,until\n" + "\n".join(order))
        assert counts(job) == (3, 0, 1, 0)
        entry = Suppression.objects.get(target="a@example.com")
        cause = entry.causes.get()
        assert (entry.since, entry.until) == (cause.at, cause.until)
        assert (cause.at.year, cause.until and cause.until.year) == (2020, 2099)


def test_what_the_list_exports_can_be_imported_again(olga: Importer, acme: Account) -> None:
    targets = ("bob@example.com", "+anna@example.com", "@example.net", "@.example.org", "bounce-*@example.org")
    for n, target in enumerate(targets):
        until = datetime(2098, 1, 2, 3, 4, 5, n, tzinfo=UTC) if n % 2 else None
        make.suppression(acme, target, reason=Reason(n + 1), until=until, note="=1+1", comment='550; "No"')
    exported: Any = olga.client.get(olga.url("suppression-export"))
    sent = b"".join(exported.streaming_content)
    other = make.account("Other")
    job = Importer(other, make.member(other, role=Role.ADMIN)).run(sent, "suppressions.csv")
    assert counts(job) == (5, 0, 0, 0)
    assert entries(other) == entries(acme)
    was, now = (
        Suppression.objects.filter(account=account).order_by("target").values_list("since", "until")
        for account in (acme, other)
    )
    assert list(now) == list(was)
    told = Cause.objects.filter(account=other).values_list("note", "comment").distinct()
    assert list(told) == [("=1+1", '550; "No"')]
