from __future__ import annotations

from django.urls import path

from delivery.errand import Action
from delivery.views import actions, digests, domains, retries, returned, sending, trying, vouching

EMAIL = "a/<slug:slug>/emails/<int:email_id>/"
ERRANDS = "a/<slug:slug>/errands/"
BOUNCES = "a/<slug:slug>/settings/customize/bounces/"
RETURNED = "a/<slug:slug>/settings/returned/"
DOMAINS = "a/<slug:slug>/settings/domains/"
DOMAIN = DOMAINS + "<int:domain_id>/"
SENDING = "a/<slug:slug>/settings/sending/"
TRANSPORT = SENDING + "<int:transport_id>/"
VOUCHING = "installation/accounts/<slug:slug>/domains/"
RETRIES = SENDING + "retries/"

urlpatterns = [
    path(EMAIL + "retry/", actions.one, {"action": Action.RETRY.value}, name="email-retry"),
    path(EMAIL + "give-up/", actions.one, {"action": Action.GIVE_UP.value}, name="email-give-up"),
    path(EMAIL + "resend/", actions.one, {"action": Action.RESEND.value}, name="email-resend"),
    path(ERRANDS + "add/", actions.add, name="errand-add"),
    path(ERRANDS + "<int:errand_id>/", actions.errand, name="errand"),
    path(ERRANDS + "<int:errand_id>/stop/", actions.stop, name="errand-stop"),
    path(BOUNCES, digests.change, name="customize-bounces"),
    path(RETURNED, returned.mails, name="returned"),
    path(RETURNED + "<int:inbox_id>/", returned.mail, name="returned-mail"),
    path(DOMAINS, domains.domain_list, name="domains"),
    path(DOMAINS + "add/", domains.add, name="domain-add"),
    path(DOMAIN, domains.detail, name="domain"),
    path(DOMAIN + "check/", domains.check, name="domain-check"),
    path(DOMAIN + "edit/", domains.edit, name="domain-edit"),
    path(DOMAIN + "delete/", domains.delete, name="domain-delete"),
    path(VOUCHING, vouching.domain_list, name="installation-domains"),
    path(VOUCHING + "<int:domain_id>/", vouching.vouch, name="installation-domain-vouch"),
    path(SENDING, sending.transport_list, name="transports"),
    path(SENDING + "add/", sending.choose, name="transport-choose"),
    path(SENDING + "add/<slug:kind>/", sending.add, name="transport-add"),
    path(SENDING + "test/", trying.direct, name="sending-test"),
    path(TRANSPORT + "edit/", sending.edit, name="transport-edit"),
    path(TRANSPORT + "default/", sending.make_default, name="transport-default"),
    path(TRANSPORT + "delete/", sending.delete, name="transport-delete"),
    path(TRANSPORT + "test/", trying.through_transport, name="transport-test"),
    path(RETRIES + "add/", retries.add, name="sending-retry-add"),
    path(RETRIES + "<int:policy_id>/", retries.edit, name="sending-retry"),
    path(RETRIES + "<int:policy_id>/delete/", retries.delete, name="sending-retry-delete"),
]
