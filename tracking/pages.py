"""Settings > Customize: what is tracked, and what people see who unsubscribe."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Access, account_page
from accounts.models import Role
from tracking import customizing, domains, leaving, sections
from tracking.domains import Found
from tracking.forms import HOST, LABELS, DomainForm, FarewellForm, SwitchesForm
from tracking.models import Farewell, TrackingSettings
from tracking.switches import DEFAULTS, Switches, decide

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Domain:
    """A sender domain with its form, and what holds for it: the field, whether it is on, and who says so. Folded, it
    shows the switches of its `own`."""

    name: str
    form: DomainForm
    held: list[tuple[Any, bool, str]]
    own: list[tuple[str, bool]]
    is_open: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The page in one language, before and after the button."""

    language: str
    code: str
    words: leaving.Words


@require_http_methods(["GET", "HEAD"])
@account_page(Role.ADMIN)
def customize(request: HttpRequest, access: Access) -> HttpResponse:
    return page(request, access)


def page(request: HttpRequest, access: Access, status: int = 200, **shown: Any) -> HttpResponse:
    """The page; `shown` brings a form that was wrong, or is only to be previewed, in place of the fresh one."""
    rows = {row.domain: row for row in TrackingSettings.objects.filter(account=access.account)}
    everywhere = rows.get("") or TrackingSettings(account=access.account)
    farewell = Farewell.objects.filter(account=access.account).first()
    wrong = shown.pop("domain_form", None)
    context = {
        "switches_form": SwitchesForm(everywhere),
        "domains": [_domain(name, rows, wrong) for name in domains.of(access.account.id)],
        "new_domain_form": DomainForm(),
        "farewell_form": FarewellForm(farewell),
        "farewell": farewell,
        "everywhere": everywhere,
        "robots": customizing.robots(access, timezone.now()),
        "site_host": domains.site_host(),
        "sections": sections.of(access),
        **shown,
    }
    form = context["farewell_form"]
    context |= {
        "languages": [(name, [form[f"{code}-{part}"] for part in leaving.Words.__slots__])
                      for code, name in settings.LANGUAGES],
        "previews": _previews(form, farewell),
        "logo": _logo(form, farewell),
    }  # fmt: skip
    return render(request, "tracking/customize.html", context, status=status)


def _domain(name: str, rows: dict[str, TrackingSettings], wrong: DomainForm | None) -> Domain:
    row = rows.get(name) or TrackingSettings(domain=name)
    is_wrong = wrong is not None and wrong.data.get(wrong.add_prefix("domain")) == name
    form = wrong if wrong is not None and is_wrong else DomainForm(row)
    holds: Switches = decide([found for found in (rows.get(""), rows.get(name)) if found], {})
    held = [(form[part], getattr(holds, part), holds.origins[part].label) for part in DEFAULTS]
    own = [(str(LABELS[part]), bool(getattr(row, part))) for part in DEFAULTS if getattr(row, part) is not None]
    return Domain(name, form, held, own, is_open=is_wrong)


def _previews(form: FarewellForm, farewell: Farewell | None) -> list[Preview]:
    texts = form.texts if form.is_bound and form.is_valid() else farewell.texts if farewell else {}
    previews = []
    for code, name in settings.LANGUAGES:
        with override(code):
            previews.append(Preview(str(name), code, leaving.words(texts)))
    return previews


def _logo(form: FarewellForm, farewell: Farewell | None) -> str:
    """The picture as an address that holds it, also one that is not saved yet."""
    given = form.cleaned_data.get("logo") if form.is_bound and form.is_valid() else None
    if given:
        return f"data:{given.content_type};base64,{base64.b64encode(given.content).decode()}"
    if farewell is None or farewell.logo is None or (form.is_bound and form.cleaned_data.get("remove_logo")):
        return ""
    return f"data:{farewell.logo_type};base64,{base64.b64encode(farewell.logo).decode()}"


def back(request: HttpRequest, access: Access, changed: bool) -> HttpResponse:
    if changed:
        messages.success(request, _("Saved. It holds for the next email that is sent."))
    else:
        messages.info(request, _("Nothing was changed."))
    return redirect("customize", access.account.slug)


@require_POST
@account_page(Role.ADMIN)
def switches(request: HttpRequest, access: Access) -> HttpResponse:
    """The switches of the account, and its tracking host."""
    form = SwitchesForm(customizing.row_of(access), request.POST)
    if not form.is_valid():
        return page(request, access, 422, switches_form=form)
    return back(request, access, customizing.set_switches(access, "", form.cleaned_data))


@require_POST
@account_page(Role.ADMIN)
def domain(request: HttpRequest, access: Access, name: str = "") -> HttpResponse:
    """The switches of one domain: of `name`, or of one that is added."""
    if name and not HOST.fullmatch(name):
        raise Http404
    form = DomainForm(customizing.row_of(access, name) if name else None, request.POST)
    if not form.is_valid():
        wrong = {"domain_form": form} if name else {"new_domain_form": form}
        return page(request, access, 422, **wrong)
    given = dict(form.cleaned_data)
    added = given.pop("domain")
    return back(request, access, customizing.set_switches(access, name or added, given))


@require_POST
@account_page(Role.ADMIN)
def farewell(request: HttpRequest, access: Access) -> HttpResponse:
    """The page to unsubscribe at: save it, or show how it would look."""
    form = FarewellForm(Farewell.objects.filter(account=access.account).first(), request.POST, request.FILES)
    if not form.is_valid():
        return page(request, access, 422, farewell_form=form)
    if "preview" in request.POST:
        return page(request, access, farewell_form=form, is_preview=True)
    return back(request, access, customizing.set_farewell(access, form))


@require_POST
@account_page(Role.ADMIN)
def reset(request: HttpRequest, access: Access) -> HttpResponse:
    customizing.reset_farewell(access)
    messages.success(request, _("The page says what it says as it comes."))
    return redirect("customize", access.account.slug)


@require_POST
@account_page(Role.ADMIN)
def check_host(request: HttpRequest, access: Access) -> HttpResponse:
    """Ask DNS about the tracking host."""
    host = customizing.row_of(access).host
    found, records = domains.check(host) if host else (Found.NOTHING, [])
    told = {"host": host, "records": ", ".join(records[:5]), "site": domains.site_host()}
    if found == Found.RIGHT:
        messages.success(request, _("%(host)s leads here: %(records)s.") % told)
    elif found == Found.ELSEWHERE:
        messages.warning(request, _("%(host)s leads elsewhere: %(records)s. It should be an alias of %(site)s.") % told)
    elif found == Found.NOTHING:
        messages.warning(request, _("DNS knows nothing of %(host)s yet. It may take an hour after you made it.") % told)
    else:
        messages.warning(request, _("%(host)s leads to %(records)s; where %(site)s is, nobody says.") % told)
    return redirect("customize", access.account.slug)


@require_POST
@account_page(Role.ADMIN)
def judge_again(request: HttpRequest, access: Access) -> HttpResponse:
    customizing.ask_to_judge(access, timezone.now())
    messages.success(request, _("Opens and clicks are judged again in the background. This may take some minutes."))
    return redirect("customize", access.account.slug)
