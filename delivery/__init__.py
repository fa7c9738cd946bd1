"""Mail going out: accepted, queued, signed, sent and tried again; and what comes back as mail."""
