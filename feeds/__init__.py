"""The core: inbox, emails and events, their lifecycle, search, the live page, export and retention."""
