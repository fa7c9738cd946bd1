"""Through a provider's API, spoken by django-anymail. What becomes of the mail is told by the provider's webhook.

Anymail's ids of messages are the ones the readers in the webhooks know, so both meet at the same email
(feeds/aliases.py).
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from email import policy
from email.parser import BytesParser
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import requests
from anymail.exceptions import AnymailError, AnymailRecipientsRefused
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext_lazy as _

from delivery import guard, resolver, tokens
from delivery.mime import mailbox
from delivery.raw import RawMail
from delivery.transports.base import Clock, Line, Outcome
from delivery.transports.pinned import Pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.utils.functional import _StrPromise

    from delivery.compose import Mail
    from delivery.models import Outgoing, Transport

SECONDS = 30
LONGEST_ANSWER = 2000


class Field(NamedTuple):
    """What a provider wants to know: the name Anymail has for it, and what people read."""

    name: str
    label: _StrPromise | str
    secret: bool = True
    required: bool = True
    help: _StrPromise | str = ""


class Provider(NamedTuple):
    """A backend of Anymail."""

    name: str
    fields: tuple[Field, ...]


KEY = Field("api_key", _("API key"))
TOKEN = Field("api_token", _("API token"))
EU = _("Only for accounts outside the provider's default region.")
PROVIDERS = {
    "brevo": Provider("Brevo", (KEY,)),
    "mailersend": Provider("MailerSend", (TOKEN,)),
    "mailgun": Provider("Mailgun", (
        KEY,
        Field("sender_domain", _("Sending domain"), secret=False, required=False),
        Field("api_url", _("API address"), secret=False, required=False, help=EU),
    )),
    "mailjet": Provider("Mailjet", (KEY, Field("secret_key", _("Secret key")))),
    "mailtrap": Provider("Mailtrap", (TOKEN,)),
    "mandrill": Provider("Mandrill", (KEY,)),
    "postal": Provider("Postal", (KEY, Field("api_url", _("API address"), secret=False))),
    "postmark": Provider("Postmark", (
        Field("server_token", _("Server token")),
        Field("message_stream", _("Message stream"), secret=False, required=False),
    )),
    "resend": Provider("Resend", (KEY,)),
    "sendgrid": Provider("SendGrid", (KEY,)),
    "sparkpost": Provider("SparkPost", (
        KEY, Field("api_url", _("API address"), secret=False, required=False, help=EU),
    )),
    "unisender_go": Provider("Unisender Go", (KEY, Field("api_url", _("API address"), secret=False))),
}  # fmt: skip
# What an HTTP status means for the email, as a mail server would have put it. All else is said of this email.
STATUSES = {401: "454 4.7.0", 402: "454 4.7.0", 403: "454 4.7.0", 404: "454 4.3.5", 408: "451 4.3.0", 429: "450 4.7.0"}
_making = threading.Lock()


class Through:
    """A transport of the kind PROVIDER."""

    def __init__(self, transport: Transport) -> None:
        self.provider, self.secrets = transport.provider, dict(transport.secrets)

    def destination_of(self, outgoing: Outgoing) -> str:
        return ""

    def connect(self, destination: str) -> ProviderConnection:
        return ProviderConnection(self.provider, self.secrets)


class ProviderConnection:
    """An HTTP session with a provider's API."""

    def __init__(self, provider: str, secrets: dict[str, Any]) -> None:
        self.provider, self.secrets = provider, secrets
        self._backend: Any = None
        self._pinned = ""
        self._lines: list[Line] = []
        self._clock = Clock()

    @property
    def usable(self) -> bool:
        return self._backend is not None

    def close(self) -> None:
        backend, self._backend, self._pinned = self._backend, None, ""
        if backend is not None:
            with contextlib.suppress(requests.RequestException, OSError):
                backend.close()

    def send(self, mail: Mail) -> Outcome:
        self._lines, self._clock = [], Clock()
        try:
            self._open()
            message = message_of(mail)
            self._backend.send_messages([message])
        except guard.Private as error:
            return self._outcome(f"454 4.3.5 {error}", stage="connect")
        except (resolver.NoSuchName, resolver.NoAnswer):
            return self._outcome("454 4.3.5 The address of the provider's API could not be looked up.", stage="dns")
        except AnymailError as error:
            return self._refused(error)
        except (ImproperlyConfigured, TypeError, LookupError, ValueError, AttributeError) as error:
            if self._lines:
                return self._outcome(f"451 4.3.0 The answer is not what Anymail expects. {self._words()}")
            return self._outcome(f"454 4.3.5 The provider's settings do not fit: {error}")
        except (requests.RequestException, OSError) as error:
            return self._gone(error)
        return self._sent(message)

    # ---- The backend --------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Make the backend. Where an account says itself what to connect to, that is looked at before each email."""
        given = {name: value for name, value in self.secrets.items() if value}
        allowed: list[str] = []
        if url := given.get("api_url"):
            allowed = guard.allowed(resolver.addresses(urlsplit(url).hostname or ""))
            if not allowed:
                raise resolver.NoSuchName(url)
        if self._backend is None:
            self._backend = self._made(given)
        if allowed and self._pinned not in allowed:
            self._pinned = allowed[0]
            for scheme in ("https://", "http://"):
                self._backend.session.mount(scheme, Pinned(self._pinned))

    def _made(self, given: dict[str, Any]) -> Any:
        if self.provider not in PROVIDERS:
            raise ImproperlyConfigured(f"There is no provider {self.provider!r}.")
        made = import_module(f"anymail.backends.{self.provider}").EmailBackend
        with _making, warnings.catch_warnings():
            # Anymail does not try SendGrid any more; that it says so each time helps nobody.
            warnings.simplefilter("ignore")
            backend = made(alias="livefeeds", timeout=SECONDS, ignore_unsupported_features=True, **given)
        backend.open()
        # Another address than the one that was looked at must not be followed to.
        backend.session.max_redirects = 0
        backend.session.hooks["response"].append(self._note)
        return backend

    def _note(self, response: Any, **_options: Any) -> None:
        request = response.request
        said = f"{request.method} {request.url}"
        answer = f"HTTP {response.status_code} {response.reason}\n{response.text[:LONGEST_ANSWER]}".strip()
        self._lines.append(Line(self._clock.ms(), said, answer))

    # ---- What came of it ----------------------------------------------------------------------------------

    def _sent(self, message: EmailMultiAlternatives) -> Outcome:
        status: Any = message.anymail_status  # type: ignore[attr-defined]  # put there by Anymail
        told = list(status.recipients.values())
        word = told[0].status if told else "unknown"
        message_id = told[0].message_id if told else None
        if word in ("rejected", "failed") or status.esp_response.status_code >= 400:
            return self._outcome(f"554 5.7.1 {self._words()}")
        outcome = self._outcome(f"250 2.0.0 {word}: {message_id or ''}".rstrip(": "))
        outcome.provider_id = str(message_id or "")
        return outcome

    def _refused(self, error: AnymailError) -> Outcome:
        if isinstance(error, AnymailRecipientsRefused):
            words = {status.status for status in error.email_message.anymail_status.recipients.values()}
            code = "550 5.1.3" if words == {"invalid"} else "554 5.7.1"
            return self._outcome(f"{code} {self._words()}")
        if error.status_code is None:
            return self._gone(error.__cause__ or error)
        default = "451 4.3.0" if error.status_code >= 500 else "554 5.7.1"
        code = STATUSES.get(error.status_code, default)
        return self._outcome(f"{code} {self._words()}", stage="auth" if code.startswith("454") else "api")

    def _gone(self, error: BaseException) -> Outcome:
        self.close()
        what = "no answer in time" if isinstance(error, requests.Timeout | TimeoutError) else "lost connection"
        self._lines.append(Line(self._clock.ms(), f"({what})", ""))
        outcome = self._outcome("", stage="connect" if isinstance(error, requests.ConnectionError) else "api")
        outcome.reply = f"{what} with the API of {PROVIDERS[self.provider].name}"
        return outcome

    def _words(self) -> str:
        """The provider's own answer, on one line."""
        return " ".join(self._lines[-1].answer.split()) if self._lines else "The provider refused the email."

    def _outcome(self, reply: str, *, stage: str = "api") -> Outcome:
        code, _blank, rest = reply.partition(" ")
        return Outcome(
            code=code, reply=reply, enhanced=rest.partition(" ")[0], host=self._host(), tls="HTTPS",
            lines=self._lines, stage=stage, connected=bool(self._lines),
        )  # fmt: skip

    def _host(self) -> str:
        address = getattr(self._backend, "api_url", "")
        return (urlsplit(address).hostname or "") if isinstance(address, str) else ""


# ---- The mail as Django knows it --------------------------------------------------------------------------


def message_of(mail: Mail) -> EmailMultiAlternatives:
    """The mail to this recipient alone: whoever else is named in its header gets an email of their own."""
    name = next((name for name, address in (*mail.to, *mail.cc) if address == mail.recipient), "")
    html, text = mail.html, mail.text
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=text if text is not None else html or "",
        from_email=mailbox(mail.sender_name, mail.sender),
        to=[mailbox(name, mail.recipient)],
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers=dict(mail.headers),
    )
    if text is None and html is not None:
        message.content_subtype = "html"
    elif html is not None:
        message.attach_alternative(html, "text/html")
    if mail.amp:
        message.attach_alternative(mail.amp, "text/x-amp-html")
    for file_name, kind, content in _files(mail):
        message.attach(file_name, content, kind)
    message.metadata = {"livefeeds": tokens.token(mail.email_id)}  # type: ignore[attr-defined]  # read by Anymail
    return message


def _files(mail: Mail) -> Iterator[tuple[str, str, bytes]]:
    if not isinstance(mail, RawMail):
        for file in mail.files:
            yield file.name, file.content_type.partition(";")[0], file.content
        return
    parsed = BytesParser(policy=policy.default).parsebytes(mail.as_bytes())
    for part in parsed.walk():
        if part.get_content_disposition() == "attachment" and not part.is_multipart():
            content: Any = part.get_payload(decode=True)
            yield part.get_filename() or "file", part.get_content_type(), content
