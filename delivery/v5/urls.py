from __future__ import annotations

from django.urls import path, re_path

from delivery.v5 import sending, suppression
from delivery.v5.door import nowhere

urlpatterns = [
    path("v5/mail/send", sending.send, name="v5-send"),
    path("v5.1/mail/send", sending.send, name="v5-send"),
    path("v5/suppression", suppression.suppression, name="v5-suppression"),
    path("v5.1/suppression", suppression.suppression, name="v5-suppression"),
    re_path(r"^v5(?:\.1)?(?:/.*)?$", nowhere, name="v5-nowhere"),
]
