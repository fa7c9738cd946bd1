from __future__ import annotations


class Refusal(Exception):
    """Live Feeds cannot start or go on; the message is a sentence that says what to do about it."""
