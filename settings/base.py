"""Every setting of the project. What can be set from outside is read here and listed in docs/operate.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from settings import addresses, embedded, security
from settings.env import Env
from settings.logs import logging_config
from settings.schedule import SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(os.environ)

# ---- Where we are -----------------------------------------------------------------------------------------
LIVEFEEDS_HOME = Path(env.text("LIVEFEEDS_HOME", str(BASE_DIR / "var"))).expanduser().absolute()
# The part this process plays. It decides on pooling and time limits; `manage.py up` and the images set it.
LIVEFEEDS_PROCESS = env.choice("LIVEFEEDS_PROCESS", "command", ("command", "web", "worker", "beat", "smtp", "tests"))
SERVED = LIVEFEEDS_PROCESS in ("web", "worker", "smtp")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.number("WEB_WORKERS", 2, least=1, most=64)
WORKERS = env.number("WORKERS", 2, least=1, most=64)
SENDERS = env.number("SENDERS", 1, least=1, most=64)
# The address people and providers reach us at; source pages show addresses below it.
LIVEFEEDS_URL = env.text("LIVEFEEDS_URL", f"http://localhost:{PORT}").rstrip("/")
PUBLIC = urlsplit(LIVEFEEDS_URL)
if PUBLIC.scheme not in ("http", "https") or not PUBLIC.hostname:
    env.problems.append("LIVEFEEDS_URL is not an address: write it as https://feeds.example.com.")

# ---- Safety -----------------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.kept_secret("SECRET_KEY", LIVEFEEDS_HOME / "secret_key")
# Keys that were: what they signed and encrypted stays good. Links in mail that was sent are good for years.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", [])
# Health checks come from the machine itself, whatever names the site has outside.
ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS", [PUBLIC.hostname or ""]), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [f"{PUBLIC.scheme}://{PUBLIC.netloc}"])
TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXY_COUNT", 0, least=0, most=10)
SECURE_CSP = security.CONTENT_SECURITY_POLICY
globals().update(security.headers_and_cookies(https=PUBLIC.scheme == "https", proxies=TRUSTED_PROXY_COUNT))

# ---- Database ---------------------------------------------------------------------------------------------
EMBEDDED_DATABASE = not env.text("DATABASE_URL")
DATABASE_URL = env.text("DATABASE_URL") or embedded.database_url(LIVEFEEDS_HOME)
DATABASE_POOL_MAX = env.number("DATABASE_POOL_MAX", 10, least=1, most=500)
# A page that takes longer is of no use to anybody; a worker's batch may.
STATEMENT_SECONDS = {"web": 20, "smtp": 60, "worker": 300}.get(LIVEFEEDS_PROCESS, 0)
_database = env.parsed(
    "DATABASE_URL",
    DATABASE_URL,
    addresses.database,
    addresses.database(embedded.database_url(LIVEFEEDS_HOME)),
)
_database["OPTIONS"] |= {
    "application_name": f"livefeeds {LIVEFEEDS_PROCESS}",
    "connect_timeout": 3,
    # Just-in-time compilation costs more than it gives on queries that are over in milliseconds.
    "options": f"-c jit=off -c statement_timeout={STATEMENT_SECONDS}s",
    # Only what asks for it is prepared (accounts/prepared.py); where this is None, as Django has it, not even that.
    "prepare_threshold": sys.maxsize,
}
if SERVED:
    # Connections that a restart of the database broke are replaced before anybody meets them.
    _database["CONN_HEALTH_CHECKS"] = True
    # A short wait for a connection: the road in spools to disk when the database is away. The pool gives up soon,
    # because every request tries anew, while its own attempts would come less and less often.
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_MAX, "timeout": 2, "reconnect_timeout": 1}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- Mail by SMTP -----------------------------------------------------------------------------------------
SMTP_HOST = env.text("SMTP_HOST", HOST)
SMTP_PORT = env.number("SMTP_PORT", 2525, least=0, most=65535)
# Where TLS is spoken from the first byte on; 0 for nowhere. SMTP_PORT knows STARTTLS in any case.
SMTP_TLS_PORT = env.number("SMTP_TLS_PORT", 0, least=0, most=65535)
SMTP_TLS_CERT, SMTP_TLS_KEY = env.text("SMTP_TLS_CERT"), env.text("SMTP_TLS_KEY")
if bool(SMTP_TLS_CERT) != bool(SMTP_TLS_KEY):
    env.problems.append("SMTP_TLS_CERT and SMTP_TLS_KEY belong together: set both, each to the path of a PEM file.")
SMTP_AUTH_WITHOUT_TLS = env.flag("SMTP_AUTH_WITHOUT_TLS", False)
SMTP_MAX_BYTES = env.number("SMTP_MAX_BYTES", 25 * 1024 * 1024, least=64 * 1024, most=200 * 1024 * 1024)
SMTP_CONNECTIONS = env.number("SMTP_CONNECTIONS", 500, least=1, most=20_000)
SMTP_IDLE_SECONDS = env.number("SMTP_IDLE_SECONDS", 300, least=5, most=3600)

# ---- Redis or Valkey: broker, cache, live messages -------------------------------------------------------
EMBEDDED_BROKER = not env.text("REDIS_URL")
REDIS_URL = env.parsed("REDIS_URL", env.text("REDIS_URL") or embedded.broker_url(LIVEFEEDS_HOME), addresses.redis, "")
# Whoever talks to it gives up soon: a dead broker must never hold up a page.
REDIS_TIMEOUTS = (
    {"socket_timeout": 2, "socket_connect_timeout": 1} if REDIS_URL[:5] != "unix:" else {"socket_timeout": 2}
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": addresses.numbered(REDIS_URL, addresses.CACHE_NUMBER),
        "OPTIONS": REDIS_TIMEOUTS,
        "KEY_PREFIX": "livefeeds",
    }
}

# ---- Background work --------------------------------------------------------------------------------------
CELERY_BROKER_URL = addresses.broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_ROUTES = {
    "feeds.tasks.read_inbox": {"queue": "ingest"},
    "delivery.tasks.send_due": {"queue": "send"},
}
# Every task may run twice, so a task whose worker was lost is given to another one.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
# It waits for all of this when a task runs; a batch takes less, and whatever takes longer is given out again.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 2.0
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    # Longer than the longest task, or a task that still runs would be given out again.
    "visibility_timeout": 600,
    "socket_keepalive": True,
    **REDIS_TIMEOUTS,
}
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULER = "settings.beat:ShownScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_SCHEDULE_FILENAME = str(LIVEFEEDS_HOME / "beat")
CELERY_TIMEZONE = "UTC"

# ---- Applications -----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "django_htmx",
    "settings",
    "accounts",
    "suppression",
    "feeds",
    "webhooks",
    "tracking",
    "delivery",
    "simulator",
]
# All of them work asynchronously; one that did not would send every request through one more thread.
MIDDLEWARE = [
    "settings.logs.request_log",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "settings.urls"
ASGI_APPLICATION = "settings.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.access.current",
            ],
        },
    }
]
# Only the road in takes large bodies, and caps them itself a little below this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024 + 1024

# ---- People -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignup"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
# Whoever may sign in was let in by an administrator, and the site may have no mail to verify with.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}

# ---- Sending ----------------------------------------------------------------------------------------------
# A whole message with its files, as it is sent: most servers take no larger ones.
MESSAGE_MOST_MB = env.number("MESSAGE_MOST_MB", 25, least=1, most=200)
# The request that brings it has JSON around it.
SEND_REQUEST_MOST_BYTES = MESSAGE_MOST_MB * 1024 * 1024 * 6 // 5
# Endings of names that are reserved, and lead somewhere here all the same (see delivery/recipients.py).
RESERVED_DOMAINS = env.words("RESERVED_DOMAINS", ["test", "example"] if LIVEFEEDS_PROCESS == "tests" else [])
# What this server calls itself, to others (EHLO) and in what it writes. DNS should lead from here to it and back.
SMTP_HOSTNAME = env.text("SMTP_HOSTNAME", PUBLIC.hostname or "localhost")
# Mail to addresses below it is taken for all accounts, beside the return-path domains that accounts have themselves.
RETURN_PATH_DOMAIN = env.text("RETURN_PATH_DOMAIN").lower().rstrip(".")
# Networks that are not public and may be reached by what accounts set up, such as a relay in the house.
ALLOWED_NETWORKS: list[addresses.Network] = env.parsed(
    "ALLOWED_NETWORKS", env.text("ALLOWED_NETWORKS"), addresses.networks, []
)
# Mail is sent from any domain an account adds, whoever's it is. Only where all accounts are one's own.
TRUST_SENDER_DOMAINS = env.flag("TRUST_SENDER_DOMAINS", False)
# How long a mail server may take, in seconds, for each step (RFC 5321, 4.5.3.2, is more patient).
SMTP_TIMEOUTS = {"connect": 30, "banner": 60, "command": 60, "data": 120, "end": 600}
# Mail to these domains goes to these servers, whatever DNS says; they may have private addresses.
MX_ROUTES: dict[str, tuple[str, int]] = env.parsed("MX_ROUTES", env.text("MX_ROUTES"), addresses.routes, {})

# ---- Language and time ------------------------------------------------------------------------------------
LANGUAGES = [("en", _("English")), ("pt-br", _("Brazilian Portuguese"))]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", tuple(code for code, _name in LANGUAGES))
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
# Of pages that belong to no account; each account has its own.
TIME_ZONE = env.text("TIME_ZONE", "UTC")

# ---- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(LIVEFEEDS_HOME / "static"))).expanduser().absolute()
_plain_files = DEBUG or LIVEFEEDS_PROCESS == "tests"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if _plain_files
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# What people export in the background. Web server and workers must see the same folder.
EXPORTS_FOLDER = Path(env.text("EXPORTS_FOLDER", str(LIVEFEEDS_HOME / "exports"))).expanduser().absolute()
EXPORTS_KEPT_DAYS = env.number("EXPORTS_KEPT_DAYS", 7, least=1, most=365)
# Files of addresses that people put on a list, until that is done, and the reports of their bad lines.
IMPORTS_FOLDER = Path(env.text("IMPORTS_FOLDER", str(LIVEFEEDS_HOME / "imports"))).expanduser().absolute()
IMPORTS_KEPT_DAYS = env.number("IMPORTS_KEPT_DAYS", 30, least=1, most=365)
IMPORT_MOST_BYTES = env.number("IMPORT_MOST_MB", 500, least=1, most=10_000) * 1024 * 1024

# ---- Logs -------------------------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", "console", ("console", "json"))
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL)

env.finish()
