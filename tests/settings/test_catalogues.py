from __future__ import annotations

import gettext
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from settings import catalogues, extraction
from settings.catalogues import Entry, Key
from settings.management.commands.messages import wrong

CODE = """
from django.utils.translation import gettext as _, ngettext, pgettext_lazy
_("Hello, %(name)s") % {"name": 1}
ngettext("%(n)s email", "%(n)s emails", 2)
pgettext_lazy("month", "May")
_(variable)
"""
TEMPLATE = """
{% load i18n %}{% translate "Search" %} {% translate 'Say "no" (or not)' %}
{% blocktranslate count n=emails trimmed %}
  one row
{% plural %}
  {{ n }} rows
{% endblocktranslate %}
<a title="{{ _('Title') }}">not a message</a>
"""
HEADER = Entry(Key(""), ["Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n > 1);\n"])


def test_the_messages_of_code_and_templates_are_found(tmp_path: Path) -> None:
    (tmp_path / "app" / "templates").mkdir(parents=True)
    (tmp_path / "app" / "code.py").write_text(CODE)
    (tmp_path / "app" / "templates" / "page.html").write_text(TEMPLATE)
    assert set(extraction.messages(tmp_path)) == {
        Key("Hello, %(name)s"),
        Key("%(n)s email", "%(n)s emails"),
        Key("May", context="month"),
        Key("Search"),
        Key('Say "no" (or not)'),
        Key("one row", "%(n)s rows"),
        Key("Title"),
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    entries = [
        HEADER,
        Entry(Key('With "quotes", a \\ and\na second line'), ["Com “aspas”"], ["feeds/page.html"]),
        Entry(Key("one", "many", "context"), ["um", "muitos"], ["a.py", "b.py"], fuzzy=True),
    ]
    catalogues.write(tmp_path / "django.po", entries)
    assert catalogues.read(tmp_path / "django.po") == entries


def test_the_compiled_form_is_what_gettext_reads() -> None:
    entries = [
        HEADER,
        Entry(Key("Hello"), ["Olá"]),
        Entry(Key("%(n)s email", "%(n)s emails"), ["%(n)s e-mail", "%(n)s e-mails"]),
        Entry(Key("May", context="month"), ["maio"]),
        Entry(Key("Not sure"), ["Talvez"], fuzzy=True),
    ]
    read = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(entries)))
    assert read.gettext("Hello") == "Olá"
    assert [read.ngettext("%(n)s email", "%(n)s emails", n) for n in (1, 2)] == ["%(n)s e-mail", "%(n)s e-mails"]
    assert read.pgettext("month", "May") == "maio"
    assert read.gettext("Not sure") == "Not sure"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (None, "'%(n)s rows' is not in the catalogue."),
        (Entry(Key("%(n)s rows"), [""]), "'%(n)s rows' is not translated."),
        (Entry(Key("%(n)s rows"), ["%(n)s linhas"], fuzzy=True), "'%(n)s rows' is not translated."),
        (Entry(Key("%(n)s rows"), ["linhas"]), "'%(n)s rows' is translated with other placeholders."),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_told(entry: Entry | None, problem: str) -> None:
    assert wrong({entry.key: entry} if entry else {}, {Key("%(n)s rows")}) == [problem]


def test_a_message_that_is_in_no_source_any_more_is_told() -> None:
    assert wrong({Key("Old"): Entry(Key("Old"), ["Velho"])}, set()) == ["'Old' is in no source any more."]


def test_the_check_says_what_to_run(tmp_path: Path, settings: object) -> None:
    settings.LOCALE_PATHS = [tmp_path]  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="Run make messages, then translate what is empty"):
        call_command("messages", check=True)
