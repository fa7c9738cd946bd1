from __future__ import annotations

from django.urls import path

from tracking import views

urlpatterns = [
    path("t/o/<path:token>", views.pixel, name="tracking-pixel"),
    path("t/c/<path:token>", views.link, name="tracking-link"),
    path("t/u/<str:token>", views.leave, name="tracking-leave"),
    path("t/u/<str:token>/logo", views.logo, name="tracking-logo"),
]
