"""All settings. Every one comes from the environment (`.env` is read if present); a bad value stops the start.

Two shapes: embedded, which needs no server, and production, chosen by DATABASE_URL and REDIS_URL.
"""

import os
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONCE, NONE, SELF

from portal.configuration import Configuration

BASE_DIR = Path(__file__).resolve().parent.parent
config = Configuration(BASE_DIR)
env: environ.Env = config.env

DATA_DIR = config.data_dir
DEBUG = config.boolean("PORTAL_DEBUG", False)
EMBEDDED = not os.environ.get("DATABASE_URL")

SECRET_KEY = config.secret("PORTAL_SECRET_KEY")
PORTAL_SECRET_KEYS = config.secret_list("PORTAL_CREDENTIAL_KEYS")  # first encrypts carrier credentials, all decrypt
PORTAL_LINK_KEY = config.secret("PORTAL_LINK_KEY")  # signs attempt references and media links
PORTAL_PUBLIC_URL = config.url("PORTAL_PUBLIC_URL", "http://127.0.0.1:8000")
PORTAL_PRIVATE_HOSTS = frozenset(config.hosts("PORTAL_PRIVATE_HOSTS"))
PORTAL_TRUSTED_PROXIES = config.networks("TRUSTED_PROXIES")
PORTAL_SANDBOX_URL = config.url("PORTAL_SANDBOX_URL", "")
PORTAL_METRICS_TOKEN = config.token("PORTAL_METRICS_TOKEN")  # opens /metrics; without it, there is none
if PORTAL_METRICS_TOKEN and not EMBEDDED:  # embedded, one process is all
    config.metrics_folder()

ALLOWED_HOSTS = config.words("ALLOWED_HOSTS", config.default_hosts(PORTAL_PUBLIC_URL))
CSRF_TRUSTED_ORIGINS = [PORTAL_PUBLIC_URL] if PORTAL_PUBLIC_URL.startswith("https://") else []
IS_HTTPS = PORTAL_PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "template_partials",
    "django_htmx",
    "django_structlog",
    "lucide",
    "phonenumber_field",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "portal",
    "trunks",
    "compliance",
    "messaging",
]

MIDDLEWARE = [
    "portal.middleware.trusted_proxies",
    "portal.middleware.hooks_first",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "portal.middleware.reader_time_zone",
    "portal.middleware.OrganizationMiddleware",
    "portal.middleware.htmx_answers",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.page",
            ],
            "builtins": [
                "django_htmx.templatetags.django_htmx",
                "template_partials.templatetags.partials",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {"default": config.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = config.text("REDIS_URL", "")
CACHES = {"default": config.cache(REDIS_URL)}

# Celery. A broker message is only a nudge: the row is the queue, and a tick each second finds what a nudge lost.
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 60, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
    if REDIS_URL
    else {"polling_interval": 0.02}
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # no results, no daily task that clears them away
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "upkeep"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_ROUTES = {  # everything else is upkeep
    "messaging.dispatch_lane": {"queue": "dispatch"},
    "messaging.process_deliveries": {"queue": "webhooks"},
    "messaging.fetch_media": {"queue": "media"},
}
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = config.integer("PORTAL_WORKER_THREADS", 12)
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TASK_PUBLISH_RETRY = False  # a page never waits for the broker
# Without `expires`, which sets a worker's clock against beat's: what piled up is known by its heartbeat.
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "messaging.tick", "schedule": 1.0},
    "upkeep": {"task": "messaging.upkeep", "schedule": 30.0},
}
CELERY_BEAT_SCHEDULER = "portal.running.beat:Scheduler"

# How long a worker may hold a text (design section 3). Half of it must exceed the carrier call's own deadline.
MESSAGING_LEASE_SECONDS = config.integer("MESSAGING_LEASE_SECONDS", 60)
MESSAGING_SEND_TIMEOUT_SECONDS = config.integer("MESSAGING_SEND_TIMEOUT_SECONDS", 20)
MESSAGING_MEDIA_TIMEOUT_SECONDS = config.integer("MESSAGING_MEDIA_TIMEOUT_SECONDS", 20)
MESSAGING_IN_FLIGHT = config.integer("MESSAGING_IN_FLIGHT", 200)
WEBHOOK_MAX_BYTES = config.integer("WEBHOOK_MAX_BYTES", 262_144)

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "portal.accounts.Adapter"  # sign-up by invitation only
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # an invitation already proves the address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = None
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Texting portal"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_HTTPS
USERSESSIONS_TRACK_ACTIVITY = False

EMAIL_CONFIG = config.email(DATA_DIR / "mail")
vars().update(EMAIL_CONFIG)

LANGUAGE_CODE = "en-us"
USE_I18N = False  # one language: what is not translated costs nothing to look up
TIME_ZONE = "UTC"
USE_TZ = True
PHONENUMBER_DEFAULT_REGION = "US"
PHONENUMBER_DB_FORMAT = "E164"
PHONENUMBER_DEFAULT_FORMAT = "E164"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": config.media_storage(MEDIA_ROOT),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = EMBEDDED
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = False  # the proxy's work; the portal may stand behind one that ends TLS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PORTAL_TRUSTED_PROXIES else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if PORTAL_TRUSTED_PROXIES else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 7
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # SECURE_SSL_REDIRECT, see above
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Logs are JSON lines with a request id, and hold neither message bodies nor secrets: only what code names is logged.
LOGGING = config.logging()
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
