from __future__ import annotations

from django.urls import path

from delivery.views import returned

RETURNED = "a/<slug:slug>/settings/returned/"

urlpatterns = [
    path(RETURNED, returned.mails, name="returned"),
    path(RETURNED + "<int:inbox_id>/", returned.mail, name="returned-mail"),
]
