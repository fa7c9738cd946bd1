from __future__ import annotations

import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client

from settings.security import headers_and_cookies


def test_pages_forbid_what_is_inline_and_what_is_from_elsewhere(client: Client) -> None:
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_every_answer_has_a_request_id_of_its_own(client: Client) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_it_has_one_on_the_asynchronous_road_too(async_client: AsyncClient) -> None:
    assert async_to_sync(async_client.get)("/healthz").headers["X-Request-ID"]


def test_transport_is_strict_where_people_come_by_https() -> None:
    assert headers_and_cookies(https=True, proxies=1)["SECURE_HSTS_SECONDS"] > 0
    assert headers_and_cookies(https=True, proxies=1)["SESSION_COOKIE_SECURE"]
    assert headers_and_cookies(https=False, proxies=0)["SECURE_HSTS_SECONDS"] == 0
    assert "SECURE_PROXY_SSL_HEADER" not in headers_and_cookies(https=True, proxies=0)


@pytest.mark.django_db
def test_nobody_signs_themselves_up(client: Client) -> None:
    answer = {"username": "mallory", "email": "mallory@example.com", "password1": "a-long-password-1"}
    client.post("/sign-in/signup/", answer)
    assert not get_user_model().objects.filter(username="mallory").exists()


@pytest.mark.django_db
def test_no_log_line_holds_the_path_of_a_request(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    with caplog.at_level(logging.DEBUG):
        assert client.get("/readyz").status_code == 503
        assert client.get("/secret-of-a-source").status_code in (302, 404)
    assert "secret-of-a-source" not in caplog.text
    assert "/readyz" not in caplog.text
