"""The domains of an account, for those who run the installation: they may say that one is the account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.views.installation import find, installation_page
from delivery import proofs
from delivery.models import SenderDomain

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User


@require_safe
@installation_page
def domain_list(request: HttpRequest, person: User, slug: str) -> HttpResponse:
    account = find(slug)
    domains = SenderDomain.objects.filter(account=account).order_by("name").defer("private_key")
    return render(request, "delivery/vouching.html", {"account": account, "domains": domains})


@require_POST
@installation_page
def vouch(request: HttpRequest, person: User, slug: str, domain_id: int) -> HttpResponse:
    try:
        domain = proofs.vouch(find(slug), domain_id, person, timezone.now())
    except SenderDomain.DoesNotExist:
        raise Http404(_("There is no such domain in this account.")) from None
    except proofs.Taken as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Mail may be sent from %(name)s now.") % {"name": domain.name})
    return redirect("installation-domains", slug)
