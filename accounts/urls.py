from __future__ import annotations

from django.urls import path

from accounts import views

SETTINGS = "a/<slug:slug>/settings/"
MEMBERS = "a/<slug:slug>/members/"

urlpatterns = [
    path("accounts/new/", views.new_account, name="account-add"),
    path(SETTINGS, views.account_settings, name="account-settings"),
    path(SETTINGS + "installation/", views.installation_settings, name="account-installation"),
    path(MEMBERS, views.member_list, name="members"),
    path(MEMBERS + "add/", views.add_member, name="member-add"),
    path(MEMBERS + "create/", views.create_person, name="member-create"),
    path(MEMBERS + "<int:membership_id>/role/", views.change_role, name="member-role"),
    path(MEMBERS + "<int:membership_id>/remove/", views.remove_member, name="member-remove"),
]
