from __future__ import annotations

from suppression.lists import both
from suppression.views import undoing

urlpatterns = [
    *both("undo/", undoing.undo, "suppression-undo"),
    *both("undo/<int:undo_id>/", undoing.undo_one, "suppression-undo-one"),
    *both("undo/<int:undo_id>/stop/", undoing.undo_stop, "suppression-undo-stop"),
    *both("undo/<int:undo_id>/back/", undoing.undo_back, "suppression-undo-back"),
]
