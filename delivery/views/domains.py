"""The domains an account sends from, and the DNS records that make mail of theirs believed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import IntegrityError, connection, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from delivery import dns, findings, signing
from delivery.forms import DomainForm, NewDomainForm, TypedAgainForm
from delivery.models import SenderDomain

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

# Looked at of what an account has still to send, before somebody deletes a domain.
MOST_LOOKED = 10_000
WAITING = """
select count(*) filter (where m.sender like %s), count(*) from (
    select message_id from delivery_outgoing where account_id = %s order by email_id desc limit %s) o
join delivery_message m on m.id = o.message_id
"""


def find(access: Access, domain_id: int) -> SenderDomain:
    """The domain of this account. Raises Http404."""
    domain = shown(access).filter(id=domain_id).first()
    if domain is None:
        raise Http404(_("There is no such domain in this account."))
    return domain


def shown(access: Access) -> QuerySet[SenderDomain]:
    """The account's domains, without what is secret: no page shows it, and it may not be readable."""
    domains = SenderDomain.objects.of(access).select_related("transport")
    return domains.defer("private_key", "transport__secrets")


def to_domain(access: Access, domain: SenderDomain) -> HttpResponse:
    return redirect("domain", access.account.slug, domain.id)


@require_safe
@account_page(Role.ADMIN)
def domain_list(request: HttpRequest, access: Access) -> HttpResponse:
    told = [(domain, findings.told(domain)) for domain in shown(access).order_by("name")]
    return render(request, "delivery/domains.html", {"domains": told})


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    form = NewDomainForm(access.account, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "delivery/domain_add.html", {"form": form}, status=422 if form.is_bound else 200)
    try:
        domain = make(access, form.cleaned_data["name"])
    except IntegrityError:
        messages.info(request, _("The account has this domain already."))
        return redirect("domains", access.account.slug)
    dns.look(domain, timezone.now())
    messages.success(request, _("The domain was added. Now make the records below in its DNS."))
    return to_domain(access, domain)


def make(access: Access, name: str) -> SenderDomain:
    """The domain with a new key, whose selector nobody else has. Raises IntegrityError."""
    key = signing.make_key()
    with transaction.atomic():
        domain = SenderDomain.objects.create(
            account=access.account, name=name, selector=f"lf{secrets.token_hex(3)}", private_key=key.private,
            public_key=key.public, return_path=f"bounces.{name}"[:253],
        )  # fmt: skip
        audit.note(access.account, access.membership.user, "domain.added", name)
    return domain


@require_safe
@account_page(Role.ADMIN)
def detail(request: HttpRequest, access: Access, domain_id: int) -> HttpResponse:
    domain = find(access, domain_id)
    told = findings.told(domain)
    context = {"domain": domain, "told": told, "wrong": sum(one.state != "good" for one in told)}
    return render(request, "delivery/domain.html", context)


@require_POST
@account_page(Role.ADMIN)
def check(request: HttpRequest, access: Access, domain_id: int) -> HttpResponse:
    """Look into DNS now. The page then shows what was found."""
    domain = find(access, domain_id)
    dns.look(domain, timezone.now())
    if all(one.state == "good" for one in findings.told(domain)):
        messages.success(request, _("All records are as they should be."))
    else:
        messages.info(request, _("Not all is as it should be yet. What was found stands beside each record."))
    return to_domain(access, domain)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def edit(request: HttpRequest, access: Access, domain_id: int) -> HttpResponse:
    domain = find(access, domain_id)
    form = DomainForm(access.account, domain, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "domain": domain}
        return render(request, "delivery/domain_edit.html", context, status=422 if form.is_bound else 200)
    values = form.values()
    with transaction.atomic():
        changes = audit.changes({name: getattr(domain, name) for name in values}, values)
        SenderDomain.objects.of(access).filter(id=domain.id).update(**values)
        if changes:
            audit.note(access.account, access.membership.user, "domain.changed", domain.name, changes)
    changed = find(access, domain_id)
    dns.look(changed, timezone.now())
    messages.success(request, _("The domain was saved."))
    return to_domain(access, changed)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def delete(request: HttpRequest, access: Access, domain_id: int) -> HttpResponse:
    domain = find(access, domain_id)
    form = TypedAgainForm(domain.name, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        n, is_exact = waiting(domain)
        context = {"form": form, "domain": domain, "waiting": n, "is_exact": is_exact}
        return render(request, "delivery/domain_delete.html", context, status=422 if form.is_bound else 200)
    with transaction.atomic():
        SenderDomain.objects.of(access).filter(id=domain.id).delete()
        audit.note(access.account, access.membership.user, "domain.deleted", domain.name)
    messages.success(request, _("The domain %(name)s was deleted.") % {"name": domain.name})
    return redirect("domains", access.account.slug)


def waiting(domain: SenderDomain) -> tuple[int, bool]:
    """How many emails of this domain are still to be sent, and whether that is all: only the newest of the account's
    are looked at. Index: delivery_outgoing_newest."""
    with connection.cursor() as cursor:
        # The name is one of DNS, and has nothing in it that would mean something to "like" but the underscore.
        ending = "%@" + domain.name.replace("_", r"\_")
        cursor.execute(WAITING, [ending, domain.account_id, MOST_LOOKED])
        n, looked = cursor.fetchone()
    return n, looked < MOST_LOOKED
