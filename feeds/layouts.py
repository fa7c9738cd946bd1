"""How a file of emails is laid out: its format, its columns, and the statement that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg import sql

from accounts.cells import guarded
from feeds.columns import BY_NAME, NETCORE, NETCORE_LINES, STANDARD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import QueryDict

# What stands for the provider's columns where columns are named.
NETCORE_WORD = "netcore"
# Excel takes a CSV file without it for one in the machine's old encoding; most other programs need none.


class Format(models.TextChoices):
    CSV = "csv", gettext_lazy("CSV: for spreadsheets and most programs")
    NDJSON = "ndjson", gettext_lazy("NDJSON: one JSON object a line, for programs")


class Unknown(Exception):
    """The layout asked for does not exist. The text says what does, in a sentence."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write emails down.

    `columns` are names of `feeds.columns.COLUMNS`, in the order of the file; `is_netcore` has the provider's 17
    instead. `bom` marks CSV as UTF-8, `gzip` compresses.
    """

    format: Format = Format.CSV
    columns: tuple[str, ...] = STANDARD
    is_netcore: bool = False
    bom: bool = False
    gzip: bool = False

    @classmethod
    def read(cls, ending: str, params: QueryDict) -> Layout:
        """The layout an address asks for: its ending (csv, ndjson, either with .gz), `columns` and `bom`.

        Raises Unknown.
        """
        word, _dot, gz = ending.partition(".")
        if word not in Format.values or gz not in ("", "gz"):
            raise Unknown(_("Files end in .csv or .ndjson, and in .gz after that where they are compressed."))
        named = params.get("columns", "")
        is_netcore = named == NETCORE_WORD
        columns = STANDARD if is_netcore or not named else tuple(named.split(","))
        for name in columns:
            if name not in BY_NAME:
                raise Unknown(
                    _("“%(name)s” is no column. Columns are: %(known)s.")
                    % {"name": name[:40], "known": ", ".join([*BY_NAME, NETCORE_WORD])}
                )
        if len(set(columns)) < len(columns):
            raise Unknown(_("A column is named twice."))
        return cls(Format(word), columns, is_netcore, params.get("bom") == "1", gz == "gz")

    def params(self) -> list[tuple[str, str]]:
        """What `read` needs beside the ending, for an address."""
        named = NETCORE_WORD if self.is_netcore else ",".join(self.columns)
        pairs = [] if named == ",".join(STANDARD) else [("columns", named)]
        return [*pairs, ("bom", "1")] if self.has_bom else pairs

    @property
    def has_bom(self) -> bool:
        return self.bom and self.format == Format.CSV

    @property
    def ending(self) -> str:
        return f"{self.format.value}.gz" if self.gzip else self.format.value

    @property
    def content_type(self) -> str:
        if self.gzip:
            return "application/gzip"
        return "text/csv; charset=utf-8" if self.format == Format.CSV else "application/x-ndjson"

    @property
    def names(self) -> list[str]:
        """What the columns are called in the file."""
        return [name for name, _made, _text in NETCORE] if self.is_netcore else list(self.columns)

    def copy(self, condition: sql.Composable, *, header: bool = True) -> sql.Composed:
        """The COPY of the emails that meet `condition` (SQL on the columns of feeds_email), newest first.

        `header`: with the line of names, where the format has one.
        """
        rows = self._rows(condition)
        if self.format == Format.CSV:
            options = sql.SQL("format csv, header") if header else sql.SQL("format csv")
            return sql.SQL("copy ({}) to stdout with ({})").format(rows, options)
        # CSV whose quote and delimiter JSON never holds, as it escapes them, is each line as it is. COPY's own text
        # format would double every backslash.
        return sql.SQL(
            "copy (select row_to_json(r) from ({}) r) to stdout with (format csv, quote e'\\x01', delimiter e'\\x02')"
        ).format(rows)

    def _rows(self, condition: sql.Composable) -> sql.Composable:
        if self.is_netcore:
            return sql.SQL(
                "select {} from (select * from feeds_email where {} order by id desc) e {}"
                " order by e.id desc, v.occurred_at nulls first, v.key"
            ).format(self._named(self._netcore()), condition, NETCORE_LINES)
        return sql.SQL("select {} from feeds_email where {} order by feeds_email.id desc").format(
            self._named(self._own()), condition
        )

    def _named(self, columns: Sequence[tuple[str, sql.Composable]]) -> sql.Composable:
        return sql.SQL(", ").join(sql.SQL("{} as {}").format(made, sql.Identifier(name)) for name, made in columns)

    def _own(self) -> list[tuple[str, sql.Composable]]:
        found = [BY_NAME[name] for name in self.columns]
        if self.format == Format.CSV:
            return [(column.name, column.csv) for column in found]
        return [(column.name, column.json) for column in found]

    def _netcore(self) -> list[tuple[str, sql.Composable]]:
        guards = self.format == Format.CSV
        return [(name, guarded(made) if is_text and guards else made) for name, made, is_text in NETCORE]


class LaidOut(models.Model):
    """A row that says how a file is laid out."""

    format = models.CharField(max_length=10, choices=Format, default=Format.CSV)
    columns = ArrayField(models.TextField(), default=list)
    is_netcore = models.BooleanField(default=False)
    bom = models.BooleanField(default=False)
    gzip = models.BooleanField(default=False)

    class Meta:
        abstract = True

    @property
    def layout(self) -> Layout:
        """As it was chosen, without columns there are no more."""
        columns = tuple(name for name in self.columns if name in BY_NAME) or STANDARD
        return Layout(Format(self.format), columns, self.is_netcore, self.bom, self.gzip)


def stored(layout: Layout) -> dict[str, Any]:
    """The fields of a `LaidOut` row that say this."""
    return {
        "format": layout.format, "columns": list(layout.columns), "is_netcore": layout.is_netcore,
        "bom": layout.bom, "gzip": layout.gzip,
    }  # fmt: skip
