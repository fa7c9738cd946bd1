from __future__ import annotations

from suppression import undo_urls
from suppression.imports.urls import urlpatterns as imports
from suppression.lists import both
from suppression.views import adding, entries, listing, removing, testing

urlpatterns = [
    *both("", listing.listed, "suppressions"),
    *both("export.csv", listing.file, "suppression-export"),
    *both("add/", adding.add, "suppression-add"),
    *both("remove/", removing.remove, "suppression-remove"),
    *both("test/", testing.test, "suppression-test"),
    *both("history/", entries.history, "suppression-history"),
    *both("removed/<int:removed_id>/put-back/", removing.put_back, "suppression-put-back"),
    *both("<int:entry_id>/", entries.entry, "suppression"),
    *both("<int:entry_id>/change/", entries.change, "suppression-change"),
    *undo_urls.urlpatterns,
    *imports,
]
