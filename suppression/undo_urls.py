from __future__ import annotations

from django.urls import path

from suppression.lists import OF_ACCOUNT, both
from suppression.views import undoing, warnings

urlpatterns = [
    *both("undo/", undoing.undo, "suppression-undo"),
    *both("undo/<int:undo_id>/", undoing.undo_one, "suppression-undo-one"),
    *both("undo/<int:undo_id>/stop/", undoing.undo_stop, "suppression-undo-stop"),
    *both("undo/<int:undo_id>/back/", undoing.undo_back, "suppression-undo-back"),
    path(OF_ACCOUNT + "warnings/", warnings.warnings, name="suppression-warnings"),
    path(OF_ACCOUNT + "warnings/<int:spike_id>/dismiss/", warnings.dismiss, name="suppression-warning-dismiss"),
]
