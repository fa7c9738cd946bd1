"""Texts for the query box, for tests that make them up: broken ones, and ones that mean something."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from feeds.keys import BY_NAME
from feeds.lexer import quoted

# Letters whose capitals go astray: with a dot, two for one, at the end of a word, young ones, outside of the plane.
LETTERS = "aAbBkKzZ.@-_%\\'\"<>,;:*#0159 éÉçÇßẞİıΣσςǅ中😀\U00010d50\U00010d70\ua7cb\u0264\u1c89\u1c8a\u212a"
PARTS = ("bob", "BOB", "a.b@x.test", "x.test", "100%", "a_b", "b\\a", "o'neil", "İstanbul", "ΣΑΣ", "Straße", "promoção")
CODES = ("5.1.1", "5.1.10", "5.10.1", "4.2.2")
_FIXED = {
    "code": (*CODES, "5.1.*", "5.*", "4", "5.1", '""'),
    "after": ("2026-03-07", "2026-03-08", "2026-03-08T02:30", "2026-03-10T12:00-05:30", "0001-01-01", "9999-12-31"),
    "before": (
        "2026-03-09",
        "2026-03-10",
        "2026-03-10T12:00",
        "2026-03-10T12:00:01",
        "2026-03-10T12:00Z",
        "9999-12-31",
    ),
}


def word(random: Random) -> str:
    """A word, mostly one of a few, so that emails and queries meet."""
    if random.random() < 0.7:
        return random.choice(PARTS)
    return "".join(random.choices(LETTERS, k=random.randrange(5)))


def term(random: Random) -> str:
    """A term of any key, mostly with a value it takes."""
    key = random.choice(["", "", *BY_NAME])
    known = list(BY_NAME[key].words) if key else []
    if known:
        value = ",".join(random.sample(known, random.randrange(1, 4)))
    elif key in ("opens", "clicks"):
        value = random.choice(["", "=", ">", ">=", "<", "<="]) + str(random.randrange(4))
    elif key == "since":
        value = f"{random.choice([0, 1, 3, 36, 99999])}{random.choice('mhdw')}"
    elif key in _FIXED:
        value = random.choice(_FIXED[key])
    elif key in ("", "to", "from") and random.random() < 0.3:
        signs = random.choice(["bo*", [*PARTS, "*", "*", "*", ".test"]])
        value = quoted("".join(random.choices(signs, k=random.randrange(1, 6))))
    else:
        value = quoted(word(random))
    return f"{random.choice(['', '', '-'])}{key}{':' if key else ''}{value}"


def query(random: Random) -> str:
    """Mostly understood; some contradict themselves."""
    return " ".join(term(random) for _ in range(random.choice([1, 1, 2, 3])))


_signs = st.sampled_from(
    [*(f"{key}:" for key in BY_NAME), "-", '"', "“", ",", " ", "*", "<", ">", "@", "\\", "\0", "\t", "\u200b", "\ud800",
     "mailto:", "a@b.co", "bounced", "5.1", ">=3", "2d", "2026-03-31", "T14:00", "+02:00", "9999-12-31", "İ", "Σ"]
)  # fmt: skip
# Anything at all.
scrawls = st.one_of(
    st.text(),
    st.lists(_signs).map("".join),
    st.lists(st.one_of(_signs, st.text(max_size=4))).map("".join),
    st.integers(0, 2**32).map(lambda seed: query(Random(seed))),
)
