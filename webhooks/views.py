"""The pages of an account's sources. Everything is loaded through `access`; changes need an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from feeds import inbox, keeping
from feeds.models import InboxDue
from webhooks import intake, providers, sources
from webhooks.chart import hours
from webhooks.durations import in_words
from webhooks.forms import DeleteSourceForm, SourceForm, TestEventForm
from webhooks.models import Source, new_token
from webhooks.overview import Overview, overviews
from webhooks.stored import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from webhooks.providers.base import Provider

FAILURES_SHOWN = 20
EXAMPLE_RECIPIENT = "someone@example.com"
MASKED_TOKEN = "••••••••••••"


def find(access: Access, source_id: int) -> Source:
    """The source of this account. Raises Http404."""
    source = Source.objects.of(access).filter(id=source_id).first()
    if source is None:
        raise Http404(_("There is no such source in this account."))
    return source


def note(access: Access, action: str, source: Source, details: Mapping[str, Any] | None = None) -> None:
    """For the audit log: this person did this to the source."""
    audit.note(access.account, access.membership.user, action, source.name, details)


def to_source(access: Access, source: Source) -> HttpResponse:
    return redirect("source", access.account.slug, source.id)


# ---- All sources, and a new one ---------------------------------------------------------------------------


@require_safe
@account_page()
def source_list(request: HttpRequest, access: Access) -> HttpResponse:
    found = overviews(Source.objects.of(access), timezone.now())
    return render(request, "webhooks/sources.html", {"overviews": found})


@require_safe
@account_page(Role.ADMIN)
def choose(request: HttpRequest, access: Access) -> HttpResponse:
    by_name = sorted(providers.PROVIDERS.values(), key=lambda provider: provider.name.casefold())
    # Our own format serves whoever is not named, so it comes last.
    chosen = sorted(by_name, key=lambda provider: provider.slug == "plain")
    return render(request, "webhooks/choose.html", {"providers": chosen})


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def add(request: HttpRequest, access: Access, provider: str) -> HttpResponse:
    known = providers.PROVIDERS.get(provider)
    if known is None:
        raise Http404(_("There is no such provider. Choose one from the list."))
    form = SourceForm(known, data=request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "provider": known}
        return render(request, "webhooks/add.html", context, status=422 if form.is_bound else 200)
    with transaction.atomic():
        source = Source.objects.create(
            account=access.account, provider=known.slug, name=form.cleaned_data["name"], secrets=form.secrets()
        )
        note(access, "source.added", source, {"provider": known.name})
    messages.success(request, _("The source was added. Now paste its address into your provider's settings."))
    return to_source(access, source)


# ---- One source -------------------------------------------------------------------------------------------


@require_safe
@account_page()
def detail(request: HttpRequest, access: Access, source_id: int) -> HttpResponse:
    source = find(access, source_id)
    return source_page(request, access, source, TestEventForm(initial={"recipient": recipient_for(request)}))


def source_page(
    request: HttpRequest, access: Access, source: Source, test_form: TestEventForm, status: int = 200
) -> HttpResponse:
    """Everything there is to tell of a source, with the form of the test event as it stands."""
    now = timezone.now()
    found = overviews(Source.objects.of(access).filter(id=source.id), now)
    if not found:
        raise Http404
    overview = found[0]
    before = cursor(request)
    failures = inbox.failures(source.id, before, FAILURES_SHOWN + 1)
    waiting, oldest = inbox.waiting(source.id)
    address = address_of(source) if access.may_write else address_of(source, MASKED_TOKEN)
    context = {
        "overview": overview,
        "source": source,
        "address": address,
        "steps": steps(overview, address),
        "hours": hours(overview.lately, now),
        "waiting": waiting,
        "waiting_for": in_words(now - oldest) if oldest else "",
        "failures": failures[:FAILURES_SHOWN],
        "older": failures[FAILURES_SHOWN - 1].inbox_id if len(failures) > FAILURES_SHOWN else None,
        "before": before,
        "test_form": test_form,
    }
    return render(request, "webhooks/source.html", context, status=status)


def cursor(request: HttpRequest) -> int | None:
    """The row from which older failures are shown; what is not a number is as good as none."""
    before = request.GET.get("before", "")
    return int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None


def address_of(source: Source, token: str = "") -> str:
    """What is pasted into the provider's settings."""
    return f"{settings.LIVEFEEDS_URL}/in/{token or source.token}"


def steps(overview: Overview, address: str) -> list[str]:
    provider = overview.provider
    return [str(step).replace("{address}", address) for step in provider.steps] if provider else []


def recipient_for(request: HttpRequest) -> str:
    return getattr(request.user, "email", "") or EXAMPLE_RECIPIENT


@require_POST
@account_page(Role.ADMIN)
def test(request: HttpRequest, access: Access, source_id: int) -> HttpResponse:
    source = find(access, source_id)
    provider = providers.PROVIDERS.get(source.provider)
    if provider is None or not source.enabled:
        messages.error(request, _("This source is switched off. Switch it on, then send the test event again."))
        return to_source(access, source)
    form = TestEventForm(request.POST)
    if not form.is_valid():
        return source_page(request, access, source, form, status=422)
    recipient = form.cleaned_data["recipient"].lower()
    store_test_event(source, provider, recipient)
    messages.success(request, _("A test event is on its way. It appears here in a moment, marked as a test."))
    return redirect(f"{reverse('feed', args=[access.account.slug])}?{urlencode({'q': recipient})}")


def store_test_event(source: Source, provider: Provider, recipient: str) -> None:
    """Put the provider's sample into the inbox, from where it takes the road of every other request."""
    now = timezone.now()
    sample = provider.sample(recipient, now)
    inbox.store(
        inbox.Incoming(
            source.account_id,
            source.id,
            intake.KIND,
            now,
            sample.content_type,
            sample.headers,
            sample.body,
            is_test=True,
        )
    )
    keeping.nudge()


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def edit(request: HttpRequest, access: Access, source_id: int) -> HttpResponse:
    source = find(access, source_id)
    provider = providers.PROVIDERS.get(source.provider)
    form = SourceForm(provider, source, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "source": source, "provider": provider}
        return render(request, "webhooks/edit.html", context, status=422 if form.is_bound else 200)
    # An update of no row, where somebody deleted it meanwhile, ends at the page that says there is no such source.
    given = {"name": form.cleaned_data["name"], "enabled": form.cleaned_data["enabled"]}
    with transaction.atomic():
        Source.objects.of(access).filter(id=source.id).update(**given, secrets=form.secrets())
        changed = audit.changes({"name": source.name, "enabled": source.enabled}, given)
        # What the secrets are is nobody's business; that they were changed is.
        secrets = {"secrets": "changed"} if form.secrets() != source.secrets else {}
        note(access, "source.changed", source, changed | secrets)
    sources.forget(source.token)
    messages.success(request, _("The source was saved."))
    return to_source(access, source)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def new_address(request: HttpRequest, access: Access, source_id: int) -> HttpResponse:
    source = find(access, source_id)
    if request.method != "POST":
        return render(request, "webhooks/new_address.html", {"source": source})
    with transaction.atomic():
        Source.objects.of(access).filter(id=source.id).update(token=new_token())
        note(access, "source.readdressed", source)
    sources.forget(source.token)
    messages.success(request, _("The source has a new address. Paste it into your provider's settings."))
    return to_source(access, source)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def delete(request: HttpRequest, access: Access, source_id: int) -> HttpResponse:
    source = find(access, source_id)
    form = DeleteSourceForm(source, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "source": source}
        return render(request, "webhooks/delete.html", context, status=422 if form.is_bound else 200)
    token = source.token
    with transaction.atomic():
        note(access, "source.deleted", source)
        source.delete()
    sources.forget(token)
    messages.success(request, _("The source “%(name)s” was deleted. Its emails stay.") % {"name": source.name})
    return redirect("sources", access.account.slug)


# ---- Requests that could not be read ----------------------------------------------------------------------


@require_safe
@account_page()
def stored_request(request: HttpRequest, access: Access, source_id: int, inbox_id: int) -> HttpResponse:
    source = find(access, source_id)
    due = InboxDue.objects.filter(source_id=source.id, inbox_id=inbox_id).select_related("inbox").first()
    if due is None:
        raise Http404(_("This request is not among those that could not be read; it may have been read since."))
    return render(request, "webhooks/request.html", {"source": source, "due": due, "shown": shown(due.inbox)})


@require_POST
@account_page(Role.ADMIN)
def read_again(request: HttpRequest, access: Access, source_id: int, inbox_id: int | None = None) -> HttpResponse:
    source = find(access, source_id)
    count = inbox.read_again(source.id, inbox_id)
    keeping.nudge()
    if count:
        sentence = ngettext(
            "%(n)s request is being read again.", "%(n)s requests are being read again.", count
        ) % {"n": count}  # fmt: skip
        messages.success(request, sentence)
    else:
        messages.info(request, _("There was nothing to read again."))
    return to_source(access, source)
