from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from settings import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("sign-in/", include("allauth.account.urls")),
    path("", include("feeds.urls")),
    path("", include("webhooks.urls")),
    path("", include("tracking.urls")),
    path("", include("delivery.v5.urls")),
    path("", include("delivery.urls")),
    path("", include("suppression.urls")),
    path("", include("accounts.urls")),
]
