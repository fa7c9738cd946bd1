from __future__ import annotations

from django.urls import path

from feeds.views import (
    counts,
    display,
    downloads,
    emails,
    exports,
    feed,
    live,
    meanings,
    orphans,
    overview,
    recipients,
    saved,
    suggest,
)

ACCOUNT = "a/<slug:slug>/"

urlpatterns = [
    path("", display.home, name="home"),
    path("favicon.ico", display.favicon, name="favicon"),
    path("theme/", display.theme, name="theme"),
    path(ACCOUNT, feed.feed, name="feed"),
    path(ACCOUNT + "stream/", live.feed_stream, name="feed-stream"),
    path(ACCOUNT + "feed.csv", downloads.file, name="feed-export"),
    path(ACCOUNT + "feed.<str:ending>", downloads.file, name="feed-file"),
    path(ACCOUNT + "download/", downloads.choose, name="feed-download"),
    path(ACCOUNT + "exports/", exports.listed, name="exports"),
    path(ACCOUNT + "exports/<int:export_id>/", exports.row, name="export"),
    path(ACCOUNT + "exports/<int:export_id>/file/", exports.file, name="export-file"),
    path(ACCOUNT + "exports/<int:export_id>/cancel/", exports.cancel, name="export-cancel"),
    path(ACCOUNT + "exports/<int:export_id>/delete/", exports.delete, name="export-delete"),
    path(ACCOUNT + "views/", saved.listed, name="views"),
    path(ACCOUNT + "views/new/", saved.add, name="view-add"),
    path(ACCOUNT + "views/begin/", saved.begin, name="view-begin-all"),
    path(ACCOUNT + "views/<int:view_id>/", saved.edit, name="view-edit"),
    path(ACCOUNT + "views/<int:view_id>/begin/", saved.begin, name="view-begin"),
    path(ACCOUNT + "views/<int:view_id>/delete/", saved.delete, name="view-delete"),
    path(ACCOUNT + "statuses/", meanings.statuses, name="statuses"),
    path(ACCOUNT + "overview/", overview.overview, name="overview"),
    path(ACCOUNT + "emails/<int:email_id>/", emails.email, name="email"),
    path(ACCOUNT + "emails/<int:email_id>/events/<str:key>/", emails.raw, name="email-raw"),
    path(ACCOUNT + "recipients/<path:address>/", recipients.recipient, name="recipient"),
    path(ACCOUNT + "orphans/", orphans.orphans, name="orphans"),
    path(ACCOUNT + "counts/", counts.count, name="feed-counts"),
    path(ACCOUNT + "suggest/", suggest.suggest, name="feed-suggest"),
]
