"""django-post_office sending as many emails of the same size, with its own command's function and four threads.

It is set up as its README does, with one process. It keeps its queue in a database like ours, beside ours. Once it
sends what Django makes of a mail, and once with a backend that composes, tracks and signs as ours does: only that is
the same work. Django's settings cannot be changed once they are read, so it runs in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sinks import Sink

THREADS = 4
BATCH = 100
OFFICE = {"BATCH_SIZE": BATCH, "THREADS_PER_PROCESS": THREADS, "CELERY_ENABLED": False}
TEMPLATE = {
    "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": []},
}  # fmt: skip


def version() -> str:
    return importlib.metadata.version("django-post-office")


def measure(sink: Sink, html: Sequence[str], *, same: bool = False) -> float:
    """Emails a second, of so many texts; with `same` each is made as ours is."""
    from django.conf import settings

    mails = len(html)
    told = {"port": sink.port, "database": settings.DATABASES["default"], "html": html, "same": same}
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=json.dumps(told, default=str), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"django-post_office did not work: {done.stderr[-2000:]}")
    return mails / float(done.stdout.split()[-1])


def set_up(told: dict[str, Any]) -> None:
    """Have Django know the office, beside our own where it sends our mail."""
    import django
    from django.conf import settings

    if told["same"]:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "bench.office_settings", "OFFICE_PORT": str(told["port"])}
        django.setup()
        return
    database = {**told["database"], "NAME": told["database"]["NAME"]}
    database["OPTIONS"] = {k: v for k, v in database.get("OPTIONS", {}).items() if k != "pool"}
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        MAILERS={
            "default": {
                "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "OPTIONS": {"host": "127.0.0.1", "port": told["port"]},
            }
        },
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates"},
            TEMPLATE,
        ],
        POST_OFFICE=OFFICE,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )  # fmt: skip
    django.setup()


def main(told: dict[str, Any]) -> float:
    """Seconds it takes to send what was queued before."""
    set_up(told)
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import Email

    call_command("migrate", "post_office", interactive=False, verbosity=0)
    mail.send_many(
        [
            {"recipients": [f"p{n}@example.com"], "sender": "news@acme.test", "subject": f"Order {n}",
             "message": "Your order is on its way.", "html_message": html}
            for n, html in enumerate(told["html"], 1)
        ]
    )  # fmt: skip
    began = time.perf_counter()
    mail.send_queued_mail_until_done(processes=1)
    seconds = time.perf_counter() - began
    unsent = Email.objects.exclude(status=0).count()
    if unsent:
        raise SystemExit(f"{unsent} emails were not sent.")
    return seconds


if __name__ == "__main__":
    print(main(json.load(sys.stdin)))
