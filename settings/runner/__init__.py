"""`manage.py up`: one process that starts everything else, watches it, and takes it down with itself."""
