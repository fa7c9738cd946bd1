"""Texts for the query box, for tests that make them up: broken ones, and ones that mean something."""

from __future__ import annotations

from hypothesis import strategies as st

from feeds.keys import BY_NAME, EVENTS, MARKS, STATUSES
from feeds.lexer import quoted

# Letters whose capitals go astray: with a dot, two for one, at the end of a word, young ones, outside of the plane.
LETTERS = "aAbBkKzZ.@-_%\\'\"<>,;:*#0159 éÉçÇßẞİıΣσςǅ中😀\U00010d50\U00010d70\ua7cb\u0264\u1c89\u1c8a\u212a"
PARTS = ("bob", "BOB", "a.b@x.test", "x.test", "100%", "a_b", "b\\a", "o'neil", "İstanbul", "ΣΑΣ", "Straße", "promoção")

words = st.one_of(st.sampled_from(PARTS), st.text(alphabet=LETTERS, max_size=6))
codes = st.sampled_from(["5.1.1", "5.1.10", "5.10.1", "4.2.2", "5.1.*", "5.*", "4", "5.1"])
days = st.sampled_from(
    ["2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11", "2026-03-08T02:30", "2026-03-10T12:00",
     "2026-03-10T12:00:01", "2026-03-10T12:00Z", "2026-03-10T12:00-05:30", "0001-01-01", "9999-12-31", "1970-01-01"]
)  # fmt: skip
ages = st.builds("{}{}".format, st.integers(0, 99999), st.sampled_from("mhdw"))
counts = st.builds("{}{}".format, st.sampled_from(["", "=", ">", ">=", "<", "<="]), st.integers(0, 4))

VALUES: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(BY_NAME, words.map(quoted)),
    "code": codes, "opens": counts, "clicks": counts, "since": ages, "after": days, "before": days,
    **{
        key: st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=3).map(",".join)
        for key, known in (("status", STATUSES), ("event", EVENTS), ("is", MARKS))
    },
}  # fmt: skip


def _written(key: str) -> st.SearchStrategy[str]:
    return st.builds("{}{}:{}".format, st.sampled_from(["", "-"]), st.just(key), VALUES[key])


patterns = st.lists(st.sampled_from([*PARTS, "*", "*", "b", ".test"]), min_size=1, max_size=4).map("".join).map(quoted)
bare = st.builds("{}{}".format, st.sampled_from(["", "-"]), st.one_of(words.map(quoted), patterns))
terms = st.one_of(bare, *map(_written, BY_NAME), st.builds("{}:{}".format, st.sampled_from(["to", "from"]), patterns))
# Mostly understood; some contradict themselves or hold a value that their key does not take.
queries = st.lists(terms, min_size=1, max_size=3).map(" ".join)

_signs = st.sampled_from(
    [*(f"{key}:" for key in BY_NAME), "-", '"', "“", ",", " ", "*", "<", ">", "@", "\\", "\0", "\t", "\u200b", "\ud800",
     "mailto:", "a@b.co", "bounced", "5.1", ">=3", "2d", "2026-03-31", "T14:00", "+02:00", "9999-12-31", "İ", "Σ"]
)  # fmt: skip
# Anything at all.
scrawls = st.one_of(
    st.text(), st.lists(_signs).map("".join), st.lists(st.one_of(_signs, st.text(max_size=4))).map("".join), queries
)
