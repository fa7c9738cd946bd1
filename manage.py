#!/usr/bin/env python
"""Every command of Live Feeds; `manage.py up` starts all of it."""

from __future__ import annotations

import os
import sys

OLDEST_PYTHON = (3, 12)


def main() -> int:
    """Run one command. A wrong setting is told in a sentence and ends with exit code 1."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(number) for number in sys.version_info[:2])
        print(f"error: Live Feeds needs Python 3.12 or newer, and this is {found}.", file=sys.stderr)
        return 1
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.base")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"error: {error}", file=sys.stderr)
        # A mail server that pipes mail into it keeps the message for later by this code, and returns it by others.
        return os.EX_TEMPFAIL if "returned" in sys.argv[1:2] else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
