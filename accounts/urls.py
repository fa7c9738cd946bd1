from __future__ import annotations

from django.urls import path

from accounts.views import account, audit, installation, keys, members

SETTINGS = "a/<slug:slug>/settings/"
KEYS = SETTINGS + "keys/"
MEMBERS = "a/<slug:slug>/members/"
INSTALLATION = "installation/accounts/"

urlpatterns = [
    path("accounts/new/", account.new_account, name="account-add"),
    path(SETTINGS, account.account_settings, name="account-settings"),
    path(MEMBERS, members.member_list, name="members"),
    path(MEMBERS + "add/", members.add_member, name="member-add"),
    path(MEMBERS + "create/", members.create_person, name="member-create"),
    path(MEMBERS + "<int:membership_id>/role/", members.change_role, name="member-role"),
    path(MEMBERS + "<int:membership_id>/remove/", members.remove_member, name="member-remove"),
    path(KEYS, keys.key_list, name="keys"),
    path(KEYS + "add/", keys.add, name="key-add"),
    path(KEYS + "<int:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path(SETTINGS + "audit/", audit.log, name="audit"),
    path(INSTALLATION, installation.account_list, name="installation-accounts"),
    path(INSTALLATION + "<slug:slug>/", installation.account, name="installation-account"),
    path(INSTALLATION + "<slug:slug>/credits/", installation.change_credits, name="installation-credits"),
]
