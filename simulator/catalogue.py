"""What the simulated world is made of: who sends what, to whom, what servers answer, and what people read with."""

from __future__ import annotations

from typing import NamedTuple


class Sender(NamedTuple):
    """One address mail is sent from, how often, and what it says. `{n}` in a subject becomes a number."""

    name: str
    address: str
    weight: float
    tags: tuple[str, ...]
    subjects: tuple[str, ...]
    path: str


SENDERS = (
    Sender("Corvo Store", "orders@corvo.example", 14, ("order", "transactional"),
           ("Your order #{n} is confirmed", "Order #{n}: payment received"), "orders/{n}"),
    Sender("Corvo Store", "shipping@corvo.example", 9, ("shipping", "transactional"),
           ("Your order #{n} is on its way", "Delivered: order #{n}", "Track your parcel #{n}"), "track/{n}"),
    Sender("Corvo Offers", "offers@news.corvo.example", 12, ("newsletter", "spring-sale"),
           ("Spring sale: up to 40 % off", "Only today: free shipping", "New in: linen and light"), "sale"),
    Sender("Banco Lume", "no-reply@lume.example", 8, ("security", "transactional"),
           ("Your verification code is {n}", "New sign-in to your account"), "security"),
    Sender("Banco Lume", "statements@lume.example", 6, ("statement",),
           ("Your statement is ready", "Card statement {n}"), "statements/{n}"),
    Sender("Trilha Travel", "bookings@trilha.example", 6, ("booking", "transactional"),
           ("Booking {n} confirmed: Lisbon", "Check-in is open for booking {n}"), "bookings/{n}"),
    Sender("Trilha Travel", "deals@mail.trilha.example", 5, ("newsletter", "deals"),
           ("Weekend deals from your city", "Porto from 39 EUR"), "deals"),
    Sender("Nuvem Cloud", "alerts@nuvem.example", 5, ("alert", "ops"),
           ("[Alert] CPU above 90 % on web-{n}", "[Resolved] CPU above 90 % on web-{n}"), "alerts/{n}"),
    Sender("Nuvem Cloud", "billing@nuvem.example", 4, ("invoice", "transactional"),
           ("Invoice {n} from Nuvem Cloud", "Payment failed for invoice {n}"), "invoices/{n}"),
    Sender("Nuvem Cloud", "welcome@nuvem.example", 3, ("onboarding",),
           ("Welcome to Nuvem: three first steps", "Please confirm your email address"), "start"),
    Sender("Escola Aberta", "turma@escola.example", 4, ("course",),
           ("Nova aula disponível: módulo {n}", "Seu certificado está pronto"), "aulas/{n}"),
    Sender("Escola Aberta", "noticias@escola.example", 3, ("newsletter",),
           ("As novidades da semana", "Inscrições abertas até domingo"), "noticias"),
    Sender("Clínica Viva", "agenda@viva.example", 4, ("reminder", "transactional"),
           ("Lembrete: sua consulta amanhã", "Sua consulta foi confirmada"), "agenda/{n}"),
    Sender("The Daily Fold", "digest@fold.example", 5, ("digest", "newsletter"),
           ("The morning digest", "Five stories you may have missed"), "digest"),
    Sender("Kiosk Social", "notify@kiosk.example", 6, ("notification",),
           ("You have {n} new messages", "Somebody commented on your post"), "inbox"),
    Sender("Kiosk Social", "security@kiosk.example", 2, ("password-reset", "transactional"),
           ("Reset your password", "Your password was changed"), "reset/{n}"),
    Sender("Werk & Co", "jobs@werk.example", 3, ("jobs",),
           ("{n} new jobs for you", "Your application was received"), "jobs"),
    Sender("Parceria B2B", "crm@parceria.example", 2, ("crm", "follow-up"),
           ("Following up on our call", "Your quote {n}"), "quotes/{n}"),
    Sender("Gamma Games", "play@gamma.example", 3, ("promo",),
           ("Double points this weekend", "Your friends are playing"), "play"),
    Sender("Fold Support", "support@fold.example", 2, ("ticket", "transactional"),
           ("[#{n}] We received your request", "[#{n}] Your request was solved"), "tickets/{n}"),
)  # fmt: skip

FIRST_NAMES = (
    "ana", "bruno", "carla", "daniel", "eva", "felipe", "giulia", "hugo", "ines", "joao", "karin", "lucas", "maria",
    "nina", "otto", "paula", "rafael", "sofia", "thomas", "ursula", "vitor", "wanda", "yara", "zoe",
)  # fmt: skip
LAST_NAMES = (
    "almeida", "barros", "costa", "dubois", "esposito", "ferreira", "garcia", "hoffmann", "ivanova", "jansen", "klein",
    "lopes", "martins", "nowak", "oliveira", "pereira", "ribeiro", "santos", "silva", "teixeira", "vieira", "weber",
)  # fmt: skip

# The large ones by their share; behind them come many small ones of companies, which only this world knows.
DOMAINS = {
    "gmail.com": 38.0, "hotmail.com": 9.0, "yahoo.com": 8.0, "outlook.com": 8.0, "icloud.com": 7.0,
    "uol.com.br": 4.0, "terra.com.br": 2.0, "bol.com.br": 2.0, "gmx.de": 2.0, "web.de": 1.5, "orange.fr": 1.5,
    "libero.it": 1.2, "aol.com": 1.0, "live.com": 1.0,
}  # fmt: skip
TAIL_WORDS = ("atlas", "boreal", "cedro", "delta", "estrela", "farol", "granito", "horizonte", "ipe", "jasmim")
TAIL_ENDS = ("labs", "group", "foods", "metal", "law", "studio", "school", "health", "cargo", "energy")
TAIL_SHARE = 13.8

GOOGLE, MICROSOFT, YAHOO, APPLE, OTHER = "google", "microsoft", "yahoo", "apple", "other"
OPERATORS = {
    "gmail.com": GOOGLE, "hotmail.com": MICROSOFT, "outlook.com": MICROSOFT, "live.com": MICROSOFT,
    "yahoo.com": YAHOO, "aol.com": YAHOO, "icloud.com": APPLE,
}  # fmt: skip

# What their servers answer. {id} is a queue id, {to} the recipient.
ACCEPTED = {
    GOOGLE: ("250 2.0.0 OK  {epoch} {id}.147 - gsmtp",),
    MICROSOFT: (("250 2.6.0 <{id}@mail.example> [InternalId=8349416, Hostname=SN1PR10MB.namprd10.prod.outlook.com] "
                "Queued mail for delivery"),),
    YAHOO: ("250 ok dirdel", "250 2.0.0 OK {id}"),
    APPLE: ("250 2.0.0 Ok: queued as {id}",),
    OTHER: ("250 2.0.0 Ok: queued as {id}", "250 OK id={id}", "250 Requested mail action okay, completed: id={id}"),
}  # fmt: skip
LATER = {
    GOOGLE: (("421-4.7.28 Gmail has detected an unusual rate of mail originating from your IP address. To protect our "
             "users from spam, mail sent from your IP address has been temporarily rate limited. {id} - gsmtp"),
             ("450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional "
             "messages from being delivered. Please resend your message at a later time. {id} - gsmtp")),
    MICROSOFT: (("451 4.7.650 The mail server [192.0.2.25] has been temporarily rate limited due to IP reputation. "
                "(S775) [SN1NAM02FT.eop-nam02.prod.protection.outlook.com]"),),
    YAHOO: (("421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume or user "
            "complaints - 4.16.55.1"),),
    APPLE: ("450 4.7.1 <{to}>: Recipient address rejected: Greylisted, please try again later",),
    OTHER: ("450 4.2.0 <{to}>: Recipient address rejected: Greylisted, see postgrey help, try again in 300 seconds",
            "451 4.7.1 Greylisting in action, please come back later",
            "451 4.3.2 Temporary server error. Please try again later",
            "421 4.4.2 Connection timed out"),
}  # fmt: skip
FULL = {
    GOOGLE: "452-4.2.2 The recipient's inbox is out of storage space. Please direct the recipient to free up space. "
            "{id} - gsmtp",
    MICROSOFT: "452 4.2.2 Mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException",
    YAHOO: "452 4.2.2 <{to}>: mailbox over quota",
    APPLE: "452 4.2.2 <{to}>: user is over quota",
    OTHER: "452 4.2.2 <{to}>: Recipient address rejected: Mailbox is full",
}  # fmt: skip
UNKNOWN = {
    GOOGLE: "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the "
            "recipient's email address for typos or unnecessary spaces. {id} - gsmtp",
    MICROSOFT: "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
    YAHOO: "554 delivery error: dd This user doesn't have a yahoo.com account ({to}) [0] - mta4056.mail.yahoo.com",
    APPLE: "550 5.1.1 <{to}>: user does not exist",
    OTHER: "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table",
}  # fmt: skip
BLOCKED = {
    GOOGLE: "550-5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce the amount of "
            "spam sent to Gmail, this message has been blocked. {id} - gsmtp",
    MICROSOFT: "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your Internet "
               "service provider since part of their network is on our block list (S3140).",
    YAHOO: "554 5.7.9 Message not accepted for policy reasons.",
    APPLE: "550 5.7.1 [CS01] Message rejected due to local policy.",
    OTHER: "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org",
}  # fmt: skip
EXPIRED_FULL = "552 5.2.2 <{to}>: mailbox full, giving up after 5 attempts"
EXPIRED = "550 5.4.7 Delivery expired: the message was in the queue for too long"

PEOPLE_READ_WITH = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    (
        "Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile "
        "Safari/537.36"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.2.0",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
)
# Apple loads the pixels of all mail through its relays, Google through its proxy, and it says no more than this.
APPLE_PRIVACY = "Mozilla/5.0"
GOOGLE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SCANNER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0"
