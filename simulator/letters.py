"""The mail an application of the simulated world hands in: the body of a request to POST /v5/mail/send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from simulator.world import Email

PAGE = """\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin:0;background:#f4f5f7;font-family:Arial,sans-serif">
<table role="presentation" width="100%"><tr><td align="center">
<table role="presentation" width="560" style="background:#ffffff;padding:24px">
<tr><td><a href="{home}">{name}</a></td></tr>
<tr><td><h1 style="font-size:20px">[%GREETING%]</h1><p>{subject}</p>
<p><a href="{url}">Have a look</a></p></td></tr>
<tr><td style="font-size:12px"><a href="{home}/help">Help</a> | <a href="mailto:{sender}">{sender}</a></td></tr>
</table></td></tr></table>
</body>
</html>
"""


def request(email: Email) -> dict[str, Any]:
    """One email to one person, in the shape applications post."""
    sender = email.sender
    parts = urlsplit(email.url)
    page = PAGE.format(subject=email.subject, home=f"{parts.scheme}://{parts.netloc}", name=sender.name,
                       url=email.url, sender=sender.address)  # fmt: skip
    first = email.to.address.partition(".")[0].title()
    return {
        "from": {"email": sender.address, "name": sender.name},
        "subject": email.subject,
        "content": [{"type": "html", "value": page}],
        "personalizations": [
            {
                "to": [{"email": email.to.address, "name": first}],
                "attributes": {"GREETING": f"Hello {first}"},
                "token_to": email.id,
            }
        ],
        "tags": [*sender.tags, email.campaign],
    }
