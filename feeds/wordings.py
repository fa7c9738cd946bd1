"""What mail servers mean by their words, where their codes are vague or wrong. `feeds.replies` reads it.

Patterns are searched in lower case without accents, addresses and links; the first that is found counts. They say how
servers put a thing, in any of their languages, and not which one puts it: nothing here is for one host.
"""

from __future__ import annotations

import re

from feeds import codes

type Wordings = tuple[tuple[re.Pattern[str], codes.Code], ...]


def _table(*rows: tuple[codes.Code, *tuple[str, ...]]) -> Wordings:
    return tuple((re.compile("|".join(patterns)), code) for code, *patterns in rows)


_WHO = r"(?:user|recipient|mail ?box|address|account|inbox|utilisateur|destinataire)s?"
_SENDERS = r"(?:account|user|domain|server|host|ip)"
_NO = r"(?:unknown|no such|no|invalid|non-?existent|bad destination|undeliverable|unrouteable|not a valid)"
_HOST = r"(?:domain|host|domain name|host name)"

# So clear that they count more than a code: servers put "full" and "blocked" behind 5.1.1, and "unknown" behind 5.7.1.
CLEAR = _table(
    (codes.GREYLISTED, r"gr[ae]y[ -]?list"),
    (
        codes.NO_MAILBOX,
        # Microsoft's words, which look like a block. SparkPost files them under dead addresses, too.
        r"recipient address rejected: access denied",
    ),
    (
        codes.NOT_PROVEN,
        r"dmarc|\bspf\b|dkim|sender policy framework|sender ?id\b|purported responsible",
        r"unauthenticated|authentication (?:checks|level|requirements)",
    ),
    (
        codes.NO_NAME,
        r"\bptr\b|reverse[ -]?(?:dns|lookup|mapping|hostname|name)|\brdns\b|unverifyable|ip name lookup",
        r"(?:find|resolve) (?:your|the) (?:reverse |ip )?(?:host ?name|address)|no host ?name for|forward-confirmed",
    ),
    (codes.BAD_FROM, r"from:? (?:header|line|field)|from: domain|rfc ?-?2?[85]22|header-? ?name header"),
    (codes.DISTRUSTED, r"reputation|spam ?trap|unusual rate.{0,160}(?<!temporarily )\bblocked"),
    (
        codes.BANNED,
        # A relay speaks of its own customer: nothing that is switched off there is the recipient's.
        r"\b(?:your|sending|sender's) (?:\w+ )?" + _SENDERS + r"\b.{0,30}\b(?:suspend|disabl|deactivat|lock|block|ban)",
    ),
    (
        codes.TOO_MUCH,
        r"(?:daily|hourly|sending|relay|\brate|connections?|thread|sessions?) (?:\w+ ){0,2}(?:quota|limit)",
        r"too (?:quickly|fast|frequent)|throttl|slow(?:ing)? down|frequency limited|unusual rate|at a rate that",
        r"too many (?:\w+ )?(?:messages|connections|e-?mails|mails|recipients|sessions|requests|deliveries)",
        r"rate.?limit|limit(?:ed)? .{0,12}\brate\b|exceed\w* (?:\w+ ){0,4}(?:rate|permitted limits)",
        r"\bemail quota|too much mail|excessive (?:\w+ )?(?:volume|rate)|too frequent|exceed\w* allow",
        r"quota for sending|concurrent|unexpected volume|deferred due to .{0,30}complaints",
    ),
    (
        codes.FULL,
        r"over[ -]?(?:the )?quota|quota|out of storage|storage (?:full|limit|exceeded)|insufficient (?:\w+ )?storage",
        r"(?:mail ?box|inbox|mail folder|account)\b.{0,16}\bfull|full mail ?box|mailbox size limit|exceeded storage",
        r"boite .{0,24}pleine|caixa .{0,24}cheia|postfach .{0,16}voll|casella .{0,16}piena|buzon .{0,16}lleno",
        r"not enough (?:\w+ )?space|allotted|mail ?box\b.{0,24}\bexceed",
        r"no space left|disk (?:is )?full|mailfolder is full|speicherplatz",
    ),
    (
        codes.TOO_LARGE,
        r"too (?:large|big|long)|(?:message|mail|attachment|line|file|header) ?(?:size|length)? (?:limit )?exceed",
        r"size (?:limit|exceeds)|exceed\w* .{0,40}(?:size|length|limit of)|larger than",
        r"zu gross|trop (?:gros|volumineux)|muito grande|demasiado grande",
    ),
    (
        codes.NO_RELAY,
        r"relay(?:ing)?:? (?:access )?(?:is )?(?:denied|disallowed|prohibit|refused|rejected|not (?:\w+))",
        r"(?:no|not|deny|denied|unable to|cannot|will not|insecure|prohibit\w*) (?:\w+ ){0,3}relay|as a relay",
        r"identit\w+ failed the check|not in my list of (?:allowed|local)",
    ),
    (
        codes.BAD_SENDER,
        r"(?:sender|return[ -]?path|mail ?from)\b[^.;]{0,32}\b(?:reject|refus|denied|invalid|not (?:exist|valid))",
        r"(?:invalid|bad|unknown|banned|unverified|refused|forged) (?:\w+ )?sender|sender verif|domain of sender",
        r"e(?:mette|xpedite)ur (?:\w+ )?invalide|absender .{0,12}(?:abgelehnt|ungult|gesperrt)",
        r"remetente (?:\w+ )?(?:invalid|rejeit)|remitente (?:\w+ )?(?:invalid|rechaz)",
        r"sender (?:address |e-?mail )?(?:domain )?(?:must|not found|unknown|does)|cannot receive replies|callout",
        r"resolve (?:the )?sender",
    ),
    (
        codes.LISTED,
        r"(?:block|black|deny)[ -]?list|spamhaus|spamcop|barracudacentral|sorbs|\brbl\b|\bdnsbl\b|\bxbl\b",
        r"blocked using",
    ),
    (codes.NO_ANSWER, r"no answer from|not responding"),
    (
        codes.ENHANCED["4.3"],
        r"host not found, try again|(?:dns|name service|lookup) (?:\w+ )?(?:timed out|temporar)|servfail",
    ),
    (
        codes.NO_MAILBOX,
        _WHO
        + r"\b[^.;]{0,30}\b(?:unknown|not (?:be )?(?:found|exist|known|listed|valid|recogni)|no longer|unallocated)",
        _WHO + r"\b[^.;]{0,30}\b(?:does(?: not|n'?t)|do not|could not|cannot|can't) (?:be )?(?:exist|found|verified)",
        _WHO + r"\b[^.;]{0,20}\bunavailable|(?:invalid|inconnue?|unavailable) " + _WHO,
        _NO
        + r" (?:\w+ ){0,2}(?:user|user ?id|recipient|mail ?box|account|person|e-?mail address|address|local part)\b",
        r"invalid-recipient|recip(?:ient)?notfound|user doesn'?t have|does not have .{0,12}account",
        r"not (?:our|a) (?:user|customer|known user|valid (?:user|mailbox|recipient))|nosuchuser|no mailbox here",
        r"(?:destinataire|adresse|utilisateur)\b.{0,24}\b(?:invalide|inconnue?|n'existe pas)|adresse .{0,20}inconnue",
        r"(?:usuario|destinatari[oa]|endereco|direccion)\b.{0,30}\b(?:inexistente|descon(?:he|o)cid|n(?:o|ao) existe)",
        r"(?:empfanger|benutzer|postfach|adresse)\b.{0,30}\b(?:unbekannt|existiert nicht|nicht (?:gefunden|bekannt))",
        r"addressee unknown|unknown addressee|no account by that|name was not found|illegal alias|not local\b",
        r"does not exist|moved .{0,30}no forwarding|mailbox has moved|not listed in|address rejected\.?$",
        "宛先(?:不明|が見つかり)|存在しません|見つかりません|該当する?ユーザ|ユーザ.{0,12}不明",
    ),
    (
        codes.NO_DOMAIN,
        _HOST
        + r"\b[^.;]{0,24}\b(?:not (?:be )?found|not (?:exist|known)|does(?: not|n't) exist|unknown|not reachable)",
        r"(?:unknown|no such|non-?existent|bad destination|unable to find the recipient) "
        + _HOST
        + r"|bad destination sys",
        r"(?:invalid|illegal|unrouteable) (?:mail )?(?:domain|host)|name or service not known|domain must exist",
        r"mx records? .{0,30}non-?existent|nxdomain|null ?mx|indicated no smtp service",
        r"(?:domain|host) does not accept mail",
        r"find (?:any host named|the recipient domain|a mail exchanger)",
    ),
    (
        codes.LISTED,
        r"(?<!not )\blisted (?:in|at|on|by)\b",
        r"(?:ip|host|client|address|server)\b.{0,24}\b(?:banned|bloque|blocked)|banned sending|(?:blocked|banned) ip",
    ),
)

# What is said of an answer that is only for now, where the code does not say more.
PASSING = _table(
    (
        codes.BUSY,
        r"(?:try|come) (?:\w+ )?(?:again|later)|temporar|busy|overload|maintenance|resources",
        r"plus tard|mais tarde|spater|mas tarde",
    ),
)

# Where the code is general, these say what it is about.
HINTS = _table(
    (
        codes.SUSPENDED,
        _WHO + r"\b[^.;]{0,30}\b(?:suspended|temporarily|frozen|locked|on hold)",
        r"(?:temporarily|suspended|frozen|locked) (?:\w+ )?" + _WHO,
    ),
    (
        codes.SWITCHED_OFF,
        _WHO + r"\b[^.;]{0,30}\b(?:disabled|deactivated|inactive|closed|terminated|expired)",
        r"(?:disabled|deactivated|inactive|closed) (?:\w+ )?" + _WHO,
    ),
    (codes.LOOP, r"\bloop|too many hops|hop count|\d hops"),
    (
        codes.LOOKS_LIKE_SPAM,
        r"spam|unsolicited|content (?:is )?(?:reject|filter|block|refus)|virus|malware|phish|suspicious|\bube\b",
        r"message (?:was )?filtered|security issue|bulk|abus|infect",
    ),
    (codes.NO_LOGIN, r"authentication (?:is )?(?:required|failed)|login (?:failed|attempts)|authrequired"),
    (codes.NO_RELAY, r"relay"),
    (
        codes.MISCONFIGURED,
        r"internal (?:\w+ )?error|config\w* error|system error|insufficient permission|queue file",
        r"service (?:\w+ ){0,2}unavailable|not accepting connections",
    ),
    (
        codes.AGAINST_RULES,
        r"polic|access denied|forbidden|not allowed|blocked|rejected by|prohibit|not (?:authorized|permitted|accepted)",
        r"permission|restrict|administrative|\bdeny|denied",
    ),
    (codes.NO_DOMAIN, r"(?:no|any) (?:mx|mail exchanger)s?\b|unrouteable"),
    (codes.EXPIRED, r"message expired|delivery time expired|too old|been in the queue too long|retry time(?:out)?"),
    (codes.BROKEN_OFF, r"timed? ?out|connection (?:\w+ )?(?:lost|refused|reset|dropped|closed)|lost connection"),
    (codes.MISUNDERSTOOD, r"syntax error|command|sequence|protocol"),
)
