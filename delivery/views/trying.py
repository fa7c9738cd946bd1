"""The test mail: sent while one waits, and shown with the whole conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from delivery import trial
from delivery.forms import TestMailForm
from delivery.models import SenderDomain
from delivery.views.sending import find, through

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from delivery.models import Transport


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def direct(request: HttpRequest, access: Access) -> HttpResponse:
    """Straight to the recipient's server, as the account sends without any transport."""
    return tried(request, access, None)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def through_transport(request: HttpRequest, access: Access, transport_id: int) -> HttpResponse:
    return tried(request, access, find(access, transport_id))


def tried(request: HttpRequest, access: Access, transport: Transport | None) -> HttpResponse:
    """The form, and what came of sending."""
    usable = SenderDomain.objects.usable().filter(account=access.account)
    first = usable.order_by("id").values_list("name", flat=True).first()
    initial = {"sender": f"test@{first}" if first else "", "recipient": getattr(request.user, "email", "")}
    form = TestMailForm(access.account, request.POST if request.method == "POST" else None, initial)
    context: dict[str, Any] = {"form": form, "transport": transport, "has_domain": first is not None}
    context["other_side"] = through(transport) if transport else ""
    if form.is_valid() and form.domain is not None:
        recipient = form.cleaned_data["recipient"]
        try:
            done = trial.send(transport, form.domain, form.cleaned_data["sender"], recipient, timezone.now())
        except ImproperlyConfigured as error:
            form.add_error(None, str(error))
            return render(request, "delivery/transport_test.html", context, status=422)
        facts = {"recipient": recipient, "reply": done.outcome.reply[:300]}
        audit.note(
            access.account, access.membership.user, "transport.tested", transport.name if transport else "MX", facts
        )
        context["tried"] = done
    return render(request, "delivery/transport_test.html", context, status=422 if form.errors else 200)
