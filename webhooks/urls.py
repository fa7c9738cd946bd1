from __future__ import annotations

from django.urls import path

from webhooks import endpoint, views

SOURCES = "a/<slug:slug>/sources/"
SOURCE = SOURCES + "<int:source_id>/"
STORED = SOURCE + "requests/<int:inbox_id>/"

urlpatterns = [
    path("in/<str:token>", endpoint.receive, name="webhook"),
    path(SOURCES, views.source_list, name="sources"),
    path(SOURCES + "add/", views.choose, name="source-add"),
    path(SOURCES + "add/<slug:provider>/", views.add, name="source-add-provider"),
    path(SOURCE, views.detail, name="source"),
    path(SOURCE + "edit/", views.edit, name="source-edit"),
    path(SOURCE + "address/", views.new_address, name="source-address"),
    path(SOURCE + "delete/", views.delete, name="source-delete"),
    path(SOURCE + "test/", views.test, name="source-test"),
    path(SOURCE + "read-again/", views.read_again, name="source-read-again"),
    path(STORED, views.stored_request, name="source-request"),
    path(STORED + "read-again/", views.read_again, name="source-request-read-again"),
]
