from __future__ import annotations

from suppression import undo_urls
from suppression.imports.urls import urlpatterns as imports
from suppression.lists import both
from suppression.views import listing

urlpatterns = [
    *both("", listing.listed, "suppressions"),
    *undo_urls.urlpatterns,
    *imports,
]
