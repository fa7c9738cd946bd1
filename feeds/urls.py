from __future__ import annotations

from django.urls import path

from feeds.views import display, emails, feed, meanings, orphans, recipients, suggest

ACCOUNT = "a/<slug:slug>/"

urlpatterns = [
    path("", display.home, name="home"),
    path("favicon.ico", display.favicon, name="favicon"),
    path("theme/", display.theme, name="theme"),
    path(ACCOUNT, feed.feed, name="feed"),
    path(ACCOUNT + "fresh/", feed.fresh, name="feed-fresh"),
    path(ACCOUNT + "feed.csv", feed.export, name="feed-export"),
    path(ACCOUNT + "statuses/", meanings.statuses, name="statuses"),
    path(ACCOUNT + "emails/<int:email_id>/", emails.email, name="email"),
    path(ACCOUNT + "emails/<int:email_id>/events/<str:key>/", emails.raw, name="email-raw"),
    path(ACCOUNT + "recipients/<path:address>/", recipients.recipient, name="recipient"),
    path(ACCOUNT + "orphans/", orphans.orphans, name="orphans"),
    path(ACCOUNT + "suggest/", suggest.suggest, name="feed-suggest"),
]
