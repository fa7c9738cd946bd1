from __future__ import annotations

from django.urls import include, path

from settings import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("sign-in/", include("allauth.account.urls")),
    path("", include("webhooks.urls")),
    path("", include("accounts.urls")),
]
