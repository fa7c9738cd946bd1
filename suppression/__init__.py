"""Who must not be mailed, and why."""
