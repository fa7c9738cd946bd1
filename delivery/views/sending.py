"""The ways mail of an account leaves: straight to the recipients' servers, through relays, through providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from delivery import notices, schedule
from delivery.forms import TransportForm, TypedAgainForm
from delivery.models import RetryPolicy, SenderDomain, Transport
from delivery.secrets import held_by, unreadable
from delivery.transports.provider import PROVIDERS

if TYPE_CHECKING:
    from django.http import HttpRequest

KINDS = (Transport.Kind.MX, Transport.Kind.RELAY)


def find(access: Access, transport_id: int) -> Transport:
    """The transport of this account. Raises Http404."""
    transport = Transport.objects.of(access).filter(id=transport_id).defer("secrets").first()
    if transport is None:
        raise Http404(_("There is no such way out in this account."))
    return transport


def to_list(access: Access) -> HttpResponse:
    return redirect("transports", access.account.slug)


@require_safe
@account_page(Role.ADMIN)
def transport_list(request: HttpRequest, access: Access) -> HttpResponse:
    transports = list(Transport.objects.of(access).order_by("name", "id").defer("secrets"))
    domains = SenderDomain.objects.of(access).order_by("name").defer("private_key")
    used = [(way, [d.name for d in domains if d.transport_id == way.id], through(way)) for way in transports]
    chosen = next((way for way in transports if way.is_default), None)
    context = {
        "transports": used,
        # What is switched off is passed over when mail is sent (delivery/routes.py).
        "default": chosen if chosen and chosen.enabled else None,
        "chosen": chosen,
        "unreadable": unreadable(access),
        "notices": notices.lately(access, timezone.now()),
        "policies": RetryPolicy.objects.of(access).order_by("domain"),
        "minutes": schedule.MINUTES,
        "hours": int(schedule.GIVE_UP.total_seconds() // 3600),
    }
    return render(request, "delivery/transports.html", context)


def through(transport: Transport) -> str:
    """What people call the other side."""
    if transport.kind == Transport.Kind.PROVIDER:
        known = PROVIDERS.get(transport.provider)
        return known.name if known else transport.provider
    return f"{transport.host}:{transport.port}" if transport.kind == Transport.Kind.RELAY else ""


@require_safe
@account_page(Role.ADMIN)
def choose(request: HttpRequest, access: Access) -> HttpResponse:
    providers = sorted(PROVIDERS.items(), key=lambda pair: pair[1].name.casefold())
    return render(request, "delivery/transport_choose.html", {"providers": providers})


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def add(request: HttpRequest, access: Access, kind: str) -> HttpResponse:
    instance = fresh(access, kind)
    form = TransportForm(access.account, instance, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "transport": instance, "other_side": through(instance) if kind in PROVIDERS else ""}
        return render(request, "delivery/transport_form.html", context, status=422 if form.is_bound else 200)
    made: Transport = form.save(commit=False)
    made.secrets = form.secrets()
    with transaction.atomic():
        made.is_default = not Transport.objects.of(access).filter(is_default=True).exists()
        made.save()
        audit.note(access.account, access.membership.user, "transport.added", made.name, {"way": made.kind})
    messages.success(request, _("“%(name)s” was added. Send a test mail to see that it works.") % {"name": made.name})
    return to_list(access)


def fresh(access: Access, kind: str) -> Transport:
    """An unsaved transport of this kind, or through this provider. Raises Http404."""
    if kind in PROVIDERS:
        name = PROVIDERS[kind].name
        return Transport(account=access.account, kind=Transport.Kind.PROVIDER, provider=kind, name=name)
    if kind not in KINDS:
        raise Http404(_("There is no such way out. Choose one from the list."))
    return Transport(account=access.account, kind=kind)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def edit(request: HttpRequest, access: Access, transport_id: int) -> HttpResponse:
    transport = find(access, transport_id)
    form = TransportForm(access.account, transport, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "transport": transport, "other_side": through(find(access, transport_id))}
        return render(request, "delivery/transport_form.html", context, status=422 if form.is_bound else 200)
    values = {name: value for name, value in form.cleaned_data.items() if name in TransportForm.Meta.fields}
    secrets = form.secrets()
    with transaction.atomic():
        before = find(access, transport_id)
        changes = audit.changes({name: getattr(before, name) for name in values}, values)
        if secrets != held_by(before):
            changes["secrets"] = {"before": "…", "after": "…"}
        Transport.objects.of(access).filter(id=transport_id).update(**values, secrets=secrets)
        if changes:
            audit.note(access.account, access.membership.user, "transport.changed", before.name, changes)
    messages.success(request, _("“%(name)s” was saved.") % {"name": values["name"]})
    return to_list(access)


@require_POST
@account_page(Role.ADMIN)
def make_default(request: HttpRequest, access: Access, transport_id: int) -> HttpResponse:
    """Let all mail leave this way unless its domain says otherwise, or with `off` straight to the recipients."""
    transport = find(access, transport_id)
    off = bool(request.POST.get("off"))
    with transaction.atomic():
        # Whoever comes at the same time waits here, so that there is never a second one.
        list(Transport.objects.of(access).select_for_update().order_by("id"))
        Transport.objects.of(access).filter(is_default=True).update(is_default=False)
        if not off:
            Transport.objects.of(access).filter(id=transport.id).update(is_default=True)
        action = "transport.undefaulted" if off else "transport.defaulted"
        audit.note(access.account, access.membership.user, action, transport.name)
    sentence = (
        _("The account's mail leaves straight to the recipients' servers now.")
        if off
        else _("The account's mail leaves through “%(name)s” now.") % {"name": transport.name}
    )
    messages.success(request, sentence)
    return to_list(access)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def delete(request: HttpRequest, access: Access, transport_id: int) -> HttpResponse:
    transport = find(access, transport_id)
    form = TypedAgainForm(transport.name, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        domains = SenderDomain.objects.of(access).filter(transport=transport).order_by("name").defer("private_key")
        context = {"form": form, "transport": transport, "domains": domains}
        return render(request, "delivery/transport_delete.html", context, status=422 if form.is_bound else 200)
    with transaction.atomic():
        transport.delete()
        audit.note(access.account, access.membership.user, "transport.deleted", transport.name)
    messages.success(request, _("“%(name)s” was deleted.") % {"name": transport.name})
    return to_list(access)
