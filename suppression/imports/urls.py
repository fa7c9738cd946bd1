from __future__ import annotations

from suppression.imports import views
from suppression.lists import both

urlpatterns = [
    *both("import/", views.listed, "suppression-imports"),
    *both("import/<int:job_id>/", views.shown, "suppression-import"),
    *both("import/<int:job_id>/progress/", views.progress, "suppression-import-progress"),
    *both("import/<int:job_id>/cancel/", views.cancel, "suppression-import-cancel"),
    *both("import/<int:job_id>/discard/", views.discard, "suppression-import-discard"),
    *both("import/<int:job_id>/report.csv", views.report, "suppression-import-report"),
]
