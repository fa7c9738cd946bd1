"""One module per provider: tables plus one pure function from a stored request to events."""
