"""What runs periodically. Every job takes its own lock, so a second scheduler does no harm."""

from __future__ import annotations

from typing import TypedDict

SECOND = 1.0
MINUTE = 60.0


class Job(TypedDict):
    """One entry of Celery's beat_schedule; `schedule` is the distance between two runs in seconds."""

    task: str
    schedule: float


# A late job has no use once the next one is due: the sweeps look at everything that is due by then.
SCHEDULE: dict[str, Job] = {
    "feeds.read_inbox": {"task": "feeds.tasks.read_inbox", "schedule": 2 * SECOND},
    "feeds.keep_partitions": {"task": "feeds.tasks.keep_partitions", "schedule": 60 * MINUTE},
    "feeds.forget_changes": {"task": "feeds.tasks.forget_changes", "schedule": 5 * MINUTE},
    "feeds.follow_zones": {"task": "feeds.tasks.follow_zones", "schedule": MINUTE},
    "feeds.make_exports": {"task": "feeds.tasks.make_exports", "schedule": 2 * SECOND},
    "feeds.clear_exports": {"task": "feeds.tasks.clear_exports", "schedule": 60 * MINUTE},
    "suppression.run_imports": {"task": "suppression.tasks.run_imports", "schedule": 2 * SECOND},
    "suppression.clear_imports": {"task": "suppression.tasks.clear_imports", "schedule": 60 * MINUTE},
    "delivery.send_due": {"task": "delivery.tasks.send_due", "schedule": 2 * SECOND},
    "delivery.run_errands": {"task": "delivery.tasks.run_errands", "schedule": 5 * SECOND},
    "delivery.clear_content": {"task": "delivery.tasks.clear_content", "schedule": MINUTE},
    "delivery.forget_messages": {"task": "delivery.tasks.forget_messages", "schedule": 60 * MINUTE},
    "delivery.check_domains": {"task": "delivery.tasks.check_domains", "schedule": 5 * MINUTE},
    "delivery.tell_bounces": {"task": "delivery.tasks.tell_bounces", "schedule": 5 * MINUTE},
    "suppression.take_off_expired": {"task": "suppression.tasks.take_off_expired", "schedule": MINUTE},
    "suppression.fold_tallies": {"task": "suppression.tasks.fold_tallies", "schedule": 5 * MINUTE},
    "suppression.watch_for_spikes": {"task": "suppression.tasks.watch_for_spikes", "schedule": 3 * MINUTE},
    "suppression.run_undos": {"task": "suppression.tasks.run_undos", "schedule": 5 * SECOND},
    "webhooks.read_spool": {"task": "webhooks.tasks.read_spool", "schedule": 5 * SECOND},
    "webhooks.forget_nonces": {"task": "webhooks.tasks.forget_nonces", "schedule": 60 * MINUTE},
    "tracking.judge_asked": {"task": "tracking.tasks.judge_asked", "schedule": MINUTE},
    "tracking.forget_crowds": {"task": "tracking.tasks.forget_crowds", "schedule": 15 * MINUTE},
}
