"""The SMTP server: what it says and when. What becomes of the mail is for `delivery.submission` and `.reception`."""
