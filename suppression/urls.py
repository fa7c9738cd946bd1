from __future__ import annotations

from suppression.lists import both
from suppression.views import listing

urlpatterns = [
    *both("", listing.listed, "suppressions"),
]
