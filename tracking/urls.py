from __future__ import annotations

from django.urls import path

from tracking import pages, views

CUSTOMIZE = "a/<slug:slug>/settings/customize/"

urlpatterns = [
    path(CUSTOMIZE, pages.customize, name="customize"),
    path(CUSTOMIZE + "switches/", pages.switches, name="customize-switches"),
    path(CUSTOMIZE + "domains/", pages.domain, name="customize-domain-add"),
    path(CUSTOMIZE + "domains/<str:name>/", pages.domain, name="customize-domain"),
    path(CUSTOMIZE + "page/", pages.farewell, name="customize-page"),
    path(CUSTOMIZE + "page/reset/", pages.reset, name="customize-reset"),
    path(CUSTOMIZE + "host/", pages.check_host, name="customize-host"),
    path(CUSTOMIZE + "judge/", pages.judge_again, name="customize-judge"),
    path("t/o/<path:token>", views.pixel, name="tracking-pixel"),
    path("t/c/<path:token>", views.link, name="tracking-link"),
    path("t/u/<str:token>", views.leave, name="tracking-leave"),
    path("t/u/<str:token>/logo", views.logo, name="tracking-logo"),
]
