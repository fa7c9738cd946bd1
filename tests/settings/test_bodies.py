"""No request fills memory or disk with its body."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.test import Client

from accounts import disk
from accounts.models import Role
from suppression.imports import files
from suppression.imports.models import Import
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.IMPORTS_FOLDER = tmp_path / "imports"
    return tmp_path / "imports"


def posted(url: str, client: Client, content: bytes) -> tuple[int, str]:
    """The status and page that answer a form with this file."""
    token = client.cookies["csrftoken"].value
    parts = [
        b'Content-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + token.encode(),
        b'Content-Disposition: form-data; name="file"; filename="list.csv"\r\n\r\n' + content,
    ]
    body = b"".join(b"--BOUNDARY\r\n" + part + b"\r\n" for part in parts) + b"--BOUNDARY--\r\n"
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {"Content-Type": "multipart/form-data; boundary=BOUNDARY", "Cookie": cookies}
    try:
        with urlopen(Request(url, body, headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_a_large_file_is_taken_and_a_larger_one_is_answered(live_server: Any, folder: Path, settings: Any) -> None:
    acme = make.account()
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    path = f"/a/{acme.slug}/suppressions/import/"
    client.get(path)
    lines = b"".join(b"person%07d@example.com\n" % n for n in range(400_000))
    assert len(lines) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert posted(live_server.url + path, client, lines)[0] == 200
    assert Import.objects.get().size == len(lines)
    assert len(list(folder.iterdir())) == 1

    settings.IMPORT_MOST_BYTES = 1_000_000
    status, page = posted(live_server.url + path, client, lines)
    assert status == 422
    assert "The file is too large" in page
    assert Import.objects.count() == 1
    assert len(list(folder.iterdir())) == 1


def test_elsewhere_a_large_body_is_thrown_away(live_server: Any) -> None:
    client = Client()
    client.get("/sign-in/login/")
    status, _page = posted(f"{live_server.url}/sign-in/login/", client, b"x" * 20_000_000)
    assert status in (400, 403)


def test_where_the_disk_is_full_nothing_is_kept_and_the_page_says_so(
    live_server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = make.account()
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    path = f"/a/{acme.slug}/suppressions/import/"
    client.get(path)
    monkeypatch.setattr(disk, "LEAST_FREE", 1 << 62)
    # It ends before anybody looks who it is, and so before the page has a file to write to.
    monkeypatch.setattr(files, "create", None)
    status, page = posted(live_server.url + path, client, b"person@example.com\n" * 200_000)
    assert status == 422
    assert "There is too little room left on the disk." in page
    assert list(folder.iterdir()) == []
