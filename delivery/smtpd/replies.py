"""What the server says: basic code, enhanced code (RFC 3463) and a sentence, in letters that every client can read."""

from __future__ import annotations

# Sentences for people have typographic signs; a reply is ASCII (RFC 5321, 4.2).
_PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\xa0": " "})
# RFC 5321, 4.5.3.1.5: 512 bytes with code and line break.
LONGEST_LINE = 480


def reply(code: int, enhanced: str, sentence: str) -> str:
    """One reply, over several lines where it is long."""
    text = " ".join(sentence.translate(_PLAIN).encode("ascii", "replace").decode().split())
    text = "".join(letter for letter in text if letter.isprintable())
    lines = [text[at : at + LONGEST_LINE] for at in range(0, len(text), LONGEST_LINE)] or [""]
    signs = ["-"] * (len(lines) - 1) + [" "]
    return "\r\n".join(f"{code}{sign}{enhanced} {line}" for sign, line in zip(signs, lines, strict=True))


LATER = reply(451, "4.3.0", "It could not be stored just now. Please send it again later.")
LOGIN_LATER = reply(454, "4.7.0", "Your key could not be looked up just now. Please try again later.")
LOG_IN_FIRST = reply(530, "5.7.0", "Log in first (AUTH): user name apikey, and an API key as the password.")
TLS_FIRST = reply(538, "5.7.11", "Encryption is needed to log in: use STARTTLS first.")
LOGGED_IN = reply(235, "2.7.0", "Welcome.")
TOO_MANY_FAILURES = reply(421, "4.7.0", "Too many failed logins. Try again in some minutes, with a key that is valid.")
TOO_MANY_CONNECTIONS = reply(421, "4.7.0", "Too many connections at once. Please try again later.")
IDLE = reply(421, "4.4.2", "Nothing came for too long. Good-bye.")
STOPPING = reply(421, "4.3.2", "The server is being stopped. Please come again in a moment.")
CLOSED = reply(421, "4.7.0", "Good-bye.")
TOO_LARGE = reply(552, "5.3.4", "The message is too large.")
BUSY = reply(452, "4.3.1", "Too many large messages at once. Please send it again later.")
TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients: send it again to those who are left.")
BAD_ADDRESS = reply(553, "5.1.3", "This is not an address.")
BAD_PARAMETER = reply(555, "5.5.4", "One of these parameters is not known here.")
NO_SENDER = reply(503, "5.5.1", "Say first who it is from (MAIL).")
NO_RECIPIENT = reply(503, "5.5.1", "Say first who it is for (RCPT).")
ONE_AT_A_TIME = reply(503, "5.5.1", "One message at a time: end this one, or begin anew (RSET).")
OK = reply(250, "2.1.0", "OK")
RECIPIENT_OK = reply(250, "2.1.5", "OK")
