"""What people fill in about domains they send from, ways out, and retries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import idna
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import origins
from delivery import faults, schedule, secrets
from delivery.models import RetryPolicy, Security, SenderDomain, Transport
from delivery.recipients import read
from delivery.transports.provider import PROVIDERS
from suppression.addresses import NotAnAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accounts.models import Account
    from delivery.transports.provider import Field

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
MOST_WAITS, LONGEST_WAIT = 20, 7 * 24 * 60
MOST_HOURS = 240


def host_name(text: str) -> str:
    """The name as DNS knows it: lower case, in ASCII. "" stays "". Raises ValidationError."""
    name = text.strip().rstrip(".").lower()
    if not name:
        return ""
    try:
        name = idna.encode(name, uts46=True).decode() if not name.isascii() else name
    except idna.IDNAError:
        name = "-"
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(map(LABEL.fullmatch, labels)) or labels[-1].isdecimal():
        raise ValidationError(
            _("“%(name)s” is not the name of a domain. Write it as example.com."), params={"name": text}
        )
    return name


# ---- Domains ----------------------------------------------------------------------------------------------


class DomainForm(forms.Form):
    """Where a domain's bounces come back to, what its links go by, and the way its mail leaves."""

    return_path = forms.CharField(
        label=gettext_lazy("Return-path domain"), max_length=253, required=False,
        help_text=gettext_lazy("Bounce reports come back to it. A name below the domain that has no mail of its own. "
                               "Empty: the installation's."),
    )  # fmt: skip
    tracking_host = forms.CharField(
        label=gettext_lazy("Tracking domain"), max_length=253, required=False,
        help_text=gettext_lazy("Links in emails go by this name, such as links.example.com. Empty: by the address of "
                               "this site."),
    )  # fmt: skip
    transport = forms.TypedChoiceField(label=gettext_lazy("Mail of this domain leaves"), required=False, coerce=int)

    def __init__(self, account: Account, domain: SenderDomain | None = None, data: Any = None) -> None:
        given = {
            "return_path": domain.return_path,
            "tracking_host": domain.tracking_host,
            "transport": domain.transport_id or "",
        } if domain else {}  # fmt: skip
        super().__init__(data, initial=given)
        self.account, self.domain = account, domain
        ways = Transport.objects.filter(account=account).order_by("name", "id").defer("secrets")
        usual = _("as the account's other mail")
        self.fields["transport"].choices = [("", usual), *((way.id, way.name) for way in ways)]  # type: ignore[attr-defined]

    def clean_return_path(self) -> str:
        """Below the domain itself, which is proven: else an account could name somebody else's."""
        name = host_name(self.cleaned_data["return_path"])
        if name and self.domain is not None and not name.endswith(f".{self.domain.name}"):
            raise ValidationError(
                _("It must be a name below %(domain)s, such as bounces.%(domain)s."),
                params={"domain": self.domain.name},
            )
        return name

    def clean_tracking_host(self) -> str:
        return host_name(self.cleaned_data["tracking_host"])

    def values(self) -> dict[str, Any]:
        """The fields of a SenderDomain."""
        cleaned = self.cleaned_data
        return {
            "return_path": cleaned["return_path"],
            "tracking_host": cleaned["tracking_host"],
            "transport_id": cleaned["transport"] or None,
        }


class NewDomainForm(forms.Form):
    """A domain the account sends from."""

    name = forms.CharField(
        label=gettext_lazy("Domain"), max_length=253,
        help_text=gettext_lazy("What stands behind the @ of your senders."),
    )  # fmt: skip

    def __init__(self, account: Account, data: Any = None) -> None:
        super().__init__(data)
        self.account = account

    def clean_name(self) -> str:
        name = host_name(self.cleaned_data["name"].rpartition("@")[2])
        if SenderDomain.objects.filter(account=self.account, name=name).exists():
            raise ValidationError(_("The account has this domain already."))
        return name


class TypedAgainForm(forms.Form):
    """A name, typed again by whoever deletes what has it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=253)

    def __init__(self, name: str, data: Any = None) -> None:
        self.wanted = name
        super().__init__(data)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.wanted.strip():
            raise ValidationError(_("This is not its name. Type “%(name)s”."), params={"name": self.wanted})
        return name


# ---- Ways out ---------------------------------------------------------------------------------------------


class TransportForm(forms.ModelForm):  # type: ignore[type-arg]
    """A transport of one kind. What is secret in it is never sent back to the browser."""

    class Meta:
        model = Transport
        fields = ("name", "host", "port", "security", "username", "source_id", "connections", "per_minute", "enabled")
        help_texts = {
            "name": gettext_lazy("How you tell it from others."),
            "per_minute": gettext_lazy("Empty: as many as the other side takes."),
            "connections": gettext_lazy("To the same server at a time."),
        }

    def __init__(self, account: Account, instance: Transport, data: Any = None) -> None:
        super().__init__(data, instance=instance)
        self.kind, self.held = instance.kind, secrets.held_by(instance)
        self.secret_fields: Sequence[Field] = ()
        wanted = {
            Transport.Kind.MX: ("security",),
            Transport.Kind.RELAY: ("host", "port", "security", "username"),
            Transport.Kind.PROVIDER: ("source_id",),
        }[Transport.Kind(self.kind)]  # fmt: skip
        kept = ("name", *wanted, "connections", "per_minute", *(("enabled",) if instance.pk else ()))
        self.fields = {name: self.fields[name] for name in kept}
        self.fields["connections"].min_value = 1  # type: ignore[attr-defined]
        getattr(self, f"_for_{self.kind}")(account)

    def _for_mx(self, _account: Account) -> None:
        offered = (Security.OPPORTUNISTIC, Security.REQUIRED)
        self.fields["security"].choices = [(way.value, way.label) for way in offered]  # type: ignore[attr-defined]

    def _for_relay(self, _account: Account) -> None:
        self.fields["host"].required = True
        self.fields["security"].help_text = _(
            "Where TLS is required, the certificate must fit the host. A password is sent only inside TLS, or where "
            "you choose no TLS."
        )
        self._add_secret("password", _("Password"), required=False)
        self._last("connections", "per_minute", "enabled")

    def _for_provider(self, account: Account) -> None:
        self.secret_fields = PROVIDERS[self.instance.provider].fields
        for field in self.secret_fields:
            if field.secret:
                self._add_secret(field.name, str(field.label), required=field.required)
            else:
                self.fields[f"given_{field.name}"] = forms.CharField(
                    label=field.label, help_text=field.help, required=field.required, max_length=300,
                    initial=self.held.get(field.name, ""),
                )  # fmt: skip
        sources = sorted((n, name) for n, name in origins.names(account.id).items() if n > 0)
        self.fields["source_id"] = forms.TypedChoiceField(
            label=_("Its webhook"), coerce=int, empty_value=None, required=False, initial=self.instance.source_id or "",
            choices=[("", _("none")), *sources],
            help_text=_("The source through which the provider tells what became of the emails. Without one they "
                        "stay at “sent”."),
        )  # fmt: skip
        self._last("source_id", "connections", "per_minute", "enabled")

    def _add_secret(self, name: str, label: str, *, required: bool) -> None:
        held = bool(self.held.get(name))
        self.fields[f"secret_{name}"] = forms.CharField(
            label=label, required=required and not held, max_length=500, strip=False,
            help_text=_("It is set. Leave this empty to keep it.") if held else "",
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        )  # fmt: skip

    def _last(self, *names: str) -> None:
        self.fields |= {name: self.fields.pop(name) for name in names if name in self.fields}

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"].strip()
        return host if re.fullmatch(r"[\d.]+|\[?[\da-fA-F:]+\]?|localhost", host) else host_name(host)

    def clean_port(self) -> int:
        port: int = self.cleaned_data["port"]
        if not 0 < port < 65536:
            raise ValidationError(_("A port is a number from 1 to 65535."))
        return port

    def clean_connections(self) -> int:
        connections: int = self.cleaned_data["connections"]
        if not 1 <= connections <= 100:
            raise ValidationError(_("Choose from 1 to 100 connections."))
        return connections

    def clean_per_minute(self) -> int | None:
        per_minute: int | None = self.cleaned_data["per_minute"]
        if per_minute == 0:
            raise ValidationError(_("With none a minute nothing would ever leave. Switch it off instead."))
        return per_minute

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        address = cleaned.get("given_api_url")
        if address and not address.startswith("https://"):
            self.add_error("given_api_url", _("Write it as https://api.example.com/."))
        return cleaned

    def secrets(self) -> dict[str, str]:
        """All that the transport has to know after this, with what was kept."""
        kept = dict(self.held)
        for name, value in self.cleaned_data.items():
            how, _underscore, field = name.partition("_")
            if how == "given" or (how == "secret" and value):
                kept[field] = value.strip() if how == "given" else value
        return {name: value for name, value in kept.items() if value}


class TestMailForm(forms.Form):
    """From whom and to whom the test mail goes."""

    sender = forms.EmailField(label=gettext_lazy("From"), max_length=254)
    recipient = forms.EmailField(label=gettext_lazy("To"), max_length=254)

    def __init__(self, account: Account, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.account = account
        self.domain: SenderDomain | None = None

    def clean_sender(self) -> str:
        sender: str = self.cleaned_data["sender"]
        name = host_name(sender.rpartition("@")[2])
        self.domain = SenderDomain.objects.filter(account=self.account, name=name).defer("private_key").first()
        if self.domain is None:
            raise ValidationError(
                _("The account does not send from %(name)s. Add the domain first."), params={"name": name}
            )
        if not self.domain.is_usable:
            raise ValidationError(faults.unproven_domain(name, self.domain.selector).description)
        return sender


# ---- Retries ----------------------------------------------------------------------------------------------


class RetryForm(forms.Form):
    """When refused mail is tried again, for one recipient domain or all of them."""

    domain = forms.CharField(
        label=gettext_lazy("Recipient domain"), max_length=253, required=False,
        help_text=gettext_lazy("Empty: all that have no policy of their own."),
    )  # fmt: skip
    minutes = forms.CharField(
        label=gettext_lazy("Minutes between attempts"), max_length=200,
        initial=", ".join(map(str, schedule.MINUTES)),
        help_text=gettext_lazy("With commas between them. The last one repeats until the end."),
    )  # fmt: skip
    give_up_hours = forms.IntegerField(
        label=gettext_lazy("Give up after hours"), min_value=1, max_value=MOST_HOURS,
        initial=schedule.GIVE_UP.total_seconds() / 3600,
        help_text=gettext_lazy("Counted from when the email was accepted. Then it counts as bounced."),
    )  # fmt: skip

    def __init__(self, account: Account, policy: RetryPolicy | None = None, data: Any = None) -> None:
        self.account, self.policy = account, policy
        given = {
            "domain": policy.domain,
            "minutes": ", ".join(map(str, policy.minutes)),
            "give_up_hours": policy.give_up_hours,
        } if policy else {}  # fmt: skip
        super().__init__(data, initial=given)

    def clean_domain(self) -> str:
        name = host_name(self.cleaned_data["domain"].rpartition("@")[2])
        others = RetryPolicy.objects.filter(account=self.account, domain=name)
        if others.exclude(id=self.policy.id if self.policy else 0).exists():
            raise ValidationError(_("There is a policy for this already. Change that one."))
        return name

    def clean_minutes(self) -> list[int]:
        words = [word for word in re.split(r"[,;\s]+", self.cleaned_data["minutes"]) if word]
        good = all(word.isascii() and word.isdecimal() and 1 <= int(word[:6]) <= LONGEST_WAIT for word in words)
        if not words or len(words) > MOST_WAITS or not good:
            raise ValidationError(
                _("Write up to %(most)s numbers of minutes, each from 1 to %(longest)s, as in 5, 15, 30."),
                params={"most": MOST_WAITS, "longest": LONGEST_WAIT},
            )
        return [int(word) for word in words]


# ---- Bounces ----------------------------------------------------------------------------------------------


class BounceForm(forms.Form):
    """Who is told of bounces."""

    address = forms.CharField(
        label=gettext_lazy("Bounce notification address"), max_length=254, required=False,
        help_text=gettext_lazy("Gets at most one email an hour that tells what bounced since the last one. "
                               "Empty: nobody is told."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )  # fmt: skip

    def clean_address(self) -> str:
        given: str = self.cleaned_data["address"]
        try:
            return read(given).wire if given else ""
        except NotAnAddress as error:
            raise ValidationError(str(error)) from None
