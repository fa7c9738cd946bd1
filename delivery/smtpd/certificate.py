"""The server's certificate: the one that is set, or else one made here, so that STARTTLS always works."""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime

LASTS = timedelta(days=3650)


class Certificate:
    """Where certificate and key are, and the context that serves them."""

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert, self.key = cert, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._times = self._changed_at()
        self.context.load_cert_chain(cert, key)

    def renew(self) -> bool:
        """Read the files again where they changed; whether they did. Raises OSError and leaves all as it was."""
        times = self._changed_at()
        if times == self._times:
            return False
        self.context.load_cert_chain(self.cert, self.key)
        self._times = times
        return True

    def _changed_at(self) -> tuple[float, float]:
        return self.cert.stat().st_mtime, self.key.stat().st_mtime


def our_own(folder: Path, hostname: str, now: datetime) -> Certificate:
    """The certificate in `folder`, made now where there is none. Raises OSError."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not (cert.exists() and key.exists()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certified, secret = _signed_by_itself(hostname, now)
        _write(key, secret)
        _write(cert, certified)
    return Certificate(cert, key)


def _signed_by_itself(hostname: str, now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has 64 letters at most; the whole name is in the extension, where clients look.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


def _write(path: Path, content: bytes) -> None:
    """For its owner alone, and whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
