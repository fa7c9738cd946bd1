"""What a process has in memory of what it sends is bounded, and nothing is lost or waits for ever because of that."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from accounts.models import Account
from delivery import contents, deliver, hands
from delivery.models import Message
from delivery.orders import Attached
from tests.delivery.engine import mailer, place, send_all
from tests.sinks import Sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many emails are being sent at a time."""
    now, seen, lock, real = [0], [0], threading.Lock(), deliver.send

    def send(*given: Any) -> Any:
        with lock:
            now[0] += 1
            seen.append(now[0])
        threading.Event().wait(0.05)
        try:
            return real(*given)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(deliver, "send", send)
    return seen


@pytest.mark.parametrize("kind", ["text", "file"])
def test_lanes_wait_with_large_messages_until_there_is_room(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch, at_once: list[int], kind: str
) -> None:
    monkeypatch.setattr(contents, "LARGE", 10_000)
    monkeypatch.setattr(hands, "HEAVY_BYTES", 50_000)
    for n in range(6):
        large: dict[str, Any] = (
            {"html": f"<p>{n}{'x' * 40_000}</p>"}
            if kind == "text"
            else {"attachments": [Attached("a.pdf", "application/pdf", b"%PDF" + bytes(40_000))]}
        )
        place(account, f"p{n}@example{n}.com", **large)
    with mailer() as ours:
        send_all(ours)
    assert len(mx.messages) == 6
    assert all(len(m.data) > 40_000 for m in mx.messages)
    assert max(at_once) == 1
    assert hands._heavy == 0


def test_small_messages_go_at_once_and_beyond_the_room_one_by_one(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch, at_once: list[int]
) -> None:
    contents._messages.clear()
    gc.collect()
    before = hands._light
    monkeypatch.setattr(hands, "LIGHT_BYTES", before + 25_000)
    monkeypatch.setattr(hands, "HEAVY_BYTES", 1)
    for n in range(6):
        place(account, f"p{n}@example{n}.com", html=f"<p>{n}{'x' * 10_000}</p>")
    read = contents.of(list(Message.objects.values_list("id", flat=True)))
    assert sum("parts" in message.__dict__ for message in read.values()) == 2
    assert hands._light - before <= 25_000
    del read
    with mailer() as ours:
        send_all(ours)
    assert len(mx.messages) == 6
    contents._messages.clear()
    gc.collect()
    assert hands._light <= before
