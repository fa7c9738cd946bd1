"""What browsers are told: the content security policy and the rules for cookies and transport."""

from __future__ import annotations

from typing import Any

from django.utils.csp import CSP

# Nothing inline without a nonce, nothing from elsewhere. Previews of emails are sandboxed frames of ours.
CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

ONE_YEAR = 365 * 24 * 60 * 60


def headers_and_cookies(*, https: bool, proxies: int) -> dict[str, Any]:
    """Django's settings for transport and cookies.

    `https` is whether people reach the site by https; `proxies` is the number of trusted proxies before us,
    whose X-Forwarded-Proto is believed.
    """
    values: dict[str, Any] = {
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": https,
        "CSRF_COOKIE_SECURE": https,
        "SECURE_HSTS_SECONDS": ONE_YEAR if https else 0,
    }
    if proxies:
        values["SECURE_PROXY_SSL_HEADER"] = ("HTTP_X_FORWARDED_PROTO", "https")
    return values
