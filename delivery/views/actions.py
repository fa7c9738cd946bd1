"""What people do by hand with emails: with one from its page, and with all of a filter."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from delivery import actions, errands
from delivery.errand import Action, Errand
from delivery.orders import Idempotency
from feeds.additions import Tool
from feeds.batch import clean
from feeds.models import Email
from feeds.query import Filter, Unclear

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

SHOWN = 10


@require_POST
@account_page(Role.MEMBER)
def one(request: HttpRequest, access: Access, email_id: int, action: str) -> HttpResponse:
    """Do it with one email, and back to its page; what was sent once more has a page of its own."""
    now, wanted = timezone.now(), Action(action)
    email = Email.objects.visible_in(access, now).filter(id=min(email_id, 2**63 - 1)).first()
    if email is None:
        raise Http404(_("There is no such email in this account, or it is older than the account keeps emails."))
    with transaction.atomic():
        outcome = done(request, access, email_id, wanted, now)
        if outcome.done:
            audit.note(access.account, access.membership.user, f"email.{wanted}", email.recipient, {"email": email_id})
    for sentence in outcome.refused:
        messages.error(request, _(sentence))
    if outcome.done:
        said = {
            Action.RETRY: _("It is tried again at once."),
            Action.GIVE_UP: _("It was given up."),
            Action.RESEND: _("It is sent once more, as a new email: this one."),
        }
        messages.success(request, said[wanted])
    return redirect("email", access.account.slug, outcome.made[0] if outcome.made else email_id)


def done(request: HttpRequest, access: Access, email_id: int, wanted: Action, now: datetime) -> actions.Outcome:
    by = access.membership.user.get_username()
    if wanted == Action.RETRY:
        return actions.retry_now(access.account, [email_id], now, by)
    if wanted == Action.GIVE_UP:
        return actions.give_up(access.account, [email_id], now, by)
    return actions.resend(access.account, [email_id], now, once(request, email_id))


def once(request: HttpRequest, email_id: int) -> Idempotency | None:
    """What tells the second press of a button from a second wish: the form of each page has a word of its own."""
    word = clean(request.POST.get("once", "")[:40])
    return Idempotency(f"resend {email_id} {word}", sha256(word.encode(errors="replace")).hexdigest()) if word else None


# ---- All emails of a filter -------------------------------------------------------------------------------


def tool(access: Access, wanted: Filter) -> Tool | None:
    """The link beside the list of emails, for those who may."""
    if not access.may(Role.MEMBER):
        return None
    query = urlencode(wanted.params())
    return Tool(_("Do with all"), "send", f"{reverse('errand-add', args=[access.account.slug])}?{query}")


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.MEMBER)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    """What may be done with the emails of the filter in the address; says how many they are before it is done."""
    slug, now = access.account.slug, timezone.now()
    try:
        wanted = Filter.read(request.GET)
        chosen = _action(request)
        if request.method == "POST" and chosen:
            return redirect("errand", slug, errands.begin(access, wanted, chosen, now).pk)
        expected = errands.expected(access, wanted, chosen, now) if chosen else None
    except Unclear as error:
        messages.error(request, str(error))
        return redirect("feed", slug)
    query = urlencode(wanted.params())
    context = {
        "wanted": wanted,
        "feed_url": f"{reverse('feed', args=[slug])}?{query}",
        "choices": [(action, f"?{urlencode([*wanted.params(), ('do', action.value)])}") for action in Action],
        "chosen": chosen,
        "expected": expected,
        "errands": Errand.objects.of(access).select_related("created_by").order_by("-id")[:SHOWN],
    }
    return render(request, "delivery/errands/add.html", context)


def _action(request: HttpRequest) -> Action | None:
    named = request.POST.get("do") or request.GET.get("do", "")
    return Action(named) if named in Action.values else None


@never_cache
@require_safe
@account_page(Role.MEMBER)
def errand(request: HttpRequest, access: Access, errand_id: int) -> HttpResponse:
    """How far it is; with htmx only what changes."""
    found = Errand.objects.of(access).select_related("created_by").filter(pk=errand_id).first()
    if found is None:
        raise Http404(_("There is no such page in this account."))
    part = "delivery/errands/progress.html" if request.headers.get("HX-Request") else "delivery/errands/errand.html"
    feed_url = f"{reverse('feed', args=[access.account.slug])}?{urlencode({'q': found.query})}"
    return render(request, part, {"errand": found, "feed_url": feed_url})


@require_POST
@account_page(Role.MEMBER)
def stop(request: HttpRequest, access: Access, errand_id: int) -> HttpResponse:
    if errands.stop(access, errand_id, timezone.now()):
        messages.success(request, _("It was stopped. What was done already stays done."))
    else:
        messages.info(request, _("It was over already."))
    return redirect("errand", access.account.slug, errand_id)
