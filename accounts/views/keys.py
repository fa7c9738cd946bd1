"""The pages of an account's API keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import keys
from accounts.access import Access, account_page
from accounts.forms import KeyForm
from accounts.models import ApiKey, Role

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

ENDED_SHOWN = 20


@require_safe
@account_page(Role.ADMIN)
def key_list(request: HttpRequest, access: Access) -> HttpResponse:
    found = ApiKey.objects.of(access).select_related("created_by").order_by("-id")
    context = {
        "keys": found.filter(revoked_at=None),
        "ended": found.exclude(revoked_at=None)[:ENDED_SHOWN],
        "now": timezone.now(),
    }
    return render(request, "accounts/keys/list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    """Shows the key in the answer itself: sent through a redirect, it would have to be stored."""
    form = KeyForm(access, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/keys/add.html", {"form": form}, status=422 if form.is_bound else 200)
    given = form.cleaned_data
    key, raw = keys.make_key(access, given["name"], given["scopes"], given["networks"], given["expires_on"])
    return render(request, "accounts/keys/made.html", {"key": key, "raw": raw, **examples(raw, key)})


def examples(raw: str, key: ApiKey) -> dict[str, object]:
    """How to send with the key, over HTTP and SMTP, for a key that may."""
    if not key.may(keys.Scope.SEND):
        return {}
    mail = {
        "from": {"email": "shop@example.com", "name": "Shop"},
        "subject": "Hello [%NAME%]",
        "content": [{"type": "html", "value": "<p>Hello [%NAME%]</p>"}],
        "personalizations": [{"to": [{"email": "ana@example.net", "name": "Ana"}], "attributes": {"NAME": "Ana"}}],
    }
    body = json.dumps(mail, indent=2)
    curl = (
        f"curl -X POST {settings.LIVEFEEDS_URL}/v5/mail/send \\\n"
        f"  -H 'api_key: {raw}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )
    return {"curl": curl, "smtp_host": settings.SMTP_HOSTNAME, "smtp_port": settings.SMTP_PORT}


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def revoke(request: HttpRequest, access: Access, key_id: int) -> HttpResponse:
    """Asks first; then the key ends for good."""
    key = ApiKey.objects.of(access).filter(pk=key_id).first()
    if key is None:
        raise Http404(_("There is no such key in this account."))
    if request.method != "POST":
        return render(request, "accounts/keys/revoke.html", {"key": key})
    if keys.revoke(access, key_id, timezone.now()):
        messages.success(request, _("The key “%(name)s” was revoked. It opens nothing any more.") % {"name": key.name})
    else:
        messages.info(request, _("The key “%(name)s” was revoked already.") % {"name": key.name})
    return redirect("keys", access.account.slug)
