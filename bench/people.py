"""Who writes to whom in a seeded database: the n-th recipient and the n-th sender, in Python and in SQL alike.

45 % of the recipients are at gmail, 15 % at Microsoft's two, 8 % at yahoo, the others at 20,000 companies.
"""

from __future__ import annotations

_FIRST = (
    "anna ben carla david elena felix greta hugo ines jonas karin luis maria nico olga paulo quentin rosa simon tanja "
    "uli vera walter xenia yara zoe adam bella cesar diana emil fatima georg hanna ivan julia kevin lara mario nadia "
    "oscar petra ralf sara tomas ursula viktor wanda yusuf zara alba bruno clara dario erika fabio gina heidi igor "
    "jana kurt lena marco nora"
)
_STEMS = "sil mor fer kow nov and pet jen han lar eri mul sch wag bec hof koc ric kle wol"
_ENDS = "va eira nandes alski ak ersen rov sen kinen sson"
LAST = [stem + end for stem in _STEMS.split() for end in _ENDS.split()]
_SENDERS = (
    "orders news billing shipping hello support accounts receipts alerts returns offers careers events legal partners "
    "press reports reviews security team"
)
FIRST, SENDERS = _FIRST.split(), _SENDERS.split()
OWN_DOMAINS = ("acme.example", "globex.example", "initech.example")
TAIL = 20_000
# The domain of the n-th recipient is chosen by a number up to 99 below these.
SHARES = ((45, "gmail.com"), (54, "outlook.com"), (60, "hotmail.com"), (68, "yahoo.com"))


def recipient(n: int) -> str:
    """The address of the n-th recipient, the same in each account. The first ones are written to most."""
    return f"{local(n)}@{domain(n)}"


def sender(n: int, account: int = 0) -> str:
    """The n-th of the twenty addresses that the n-th account writes from; the first ones write most."""
    return f"{SENDERS[n % len(SENDERS)]}@{OWN_DOMAINS[account]}"


def local(n: int) -> str:
    more = n // (len(FIRST) * len(LAST))
    return f"{FIRST[n % len(FIRST)]}.{LAST[n // len(FIRST) % len(LAST)]}{more or ''}"


def domain(n: int) -> str:
    share = (n * 7919 + n // len(FIRST)) % 100
    return next((name for below, name in SHARES if share < below), f"company{n * 31 % TAIL}.example")


# The twins. Where they are used stand the arrays `first` and `last`, as words of the statement.
LOCAL = f"""(%(first)s::text[])[1 + n %% {len(FIRST)}] || '.' || (%(last)s::text[])[1 + n / {len(FIRST)} %% {len(LAST)}]
    || case when n < {len(FIRST) * len(LAST)} then '' else (n / {len(FIRST) * len(LAST)})::text end"""
DOMAIN = (
    f"case {' '.join(f"when (n * 7919 + n / {len(FIRST)}) %% 100 < {below} then '{name}'" for below, name in SHARES)}"
    f" else 'company' || n * 31 %% {TAIL} || '.example' end"
)
WORDS = {"first": list(FIRST), "last": list(LAST)}
