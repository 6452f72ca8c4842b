"""Settings, from the environment only; `.env.example` lists every variable with its default."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from config.lib import logs
from config.lib.environment import CHECKOUT, development, env
from config.lib.postgresql.connections import connection_to
from config.lib.versions import Retirement
from config.schedule import schedule

VERSION = "1.0.0"
BASE_DIR = CHECKOUT

# What DEBUG=1 switches is these defaults. Django's own DEBUG stays off everywhere: it shows stack traces to clients
# and keeps every SQL statement of a worker in memory.
DEVELOPMENT = development()
DEBUG = False


def required(name: str, in_development: str) -> str:
    value: str = env.str(name, default="")
    if value:
        return value
    if not DEVELOPMENT:
        raise ImproperlyConfigured(f"{name} must be set (or DEBUG=1 for development)")
    return in_development


SECRET_KEY = required("SECRET_KEY", "development-only-" + "x" * 50)
_development_key = base64.urlsafe_b64encode(hashlib.sha256(b"development only").digest()).decode()
FIELD_ENCRYPTION_KEYS = [key.strip() for key in required("FIELD_ENCRYPTION_KEYS", _development_key).split(",")]
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["*"] if DEVELOPMENT else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", default=0)

INSTALLED_APPS = [
    "config",
    "config.lib",
    "unfold",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "csp",
    "webhooks",
    "bulk_orders",
    "integrations",
]

MIDDLEWARE = [
    "config.lib.observation.request_noted",
    "integrations.middleware.calls_written",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.lib.versions.retirement_told",
    "csp.middleware.CSPMiddleware",
    "config.lib.requests.slash_forgiven",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "integrations.middleware.api_gate",
    "axes.middleware.AxesMiddleware",  # puts its own reply in the place of the view's: within the gate
    "config.lib.requests.nul_refused",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = True
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
            ]
        },
    }
]

# --- PostgreSQL and Valkey -----------------------------------------------------------------------------------

DATABASE_URL = required("DATABASE_URL", "")
REDIS_URL = required("REDIS_URL", "")
DATABASES: dict[str, dict[str, Any]] = {}
if DATABASE_URL:
    DATABASES["default"] = connection_to(
        DATABASE_URL,
        pool_size=env.int("DATABASE_POOL_SIZE", default=0),
        lock_timeout=env.str("DATABASE_LOCK_TIMEOUT", default="0"),
        shared=env.bool("DATABASE_TRANSACTION_POOLING", default=False),
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
# Celery's own way is a new connection for every task, which costs a small batch a third of its time. Kept ones are
# looked at before each task (see config.celery), so that they heal; CONN_MAX_AGE ends them.
CELERY_DB_REUSE_MAX = 10_000
# The database holds the work, a message is only a nudge: a lost one is healed by the sweeps. Late acknowledgement keeps
# a busy process from reserving messages that another could take; a task that kills its process is not started again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
# Nobody waits for a task's result, so that of a killed process is given up soon: a worker that is told to end meanwhile
# waits for it for ever.
CELERY_WORKER_LOST_WAIT = 1.0
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY: int = env.int("WORKER_CONCURRENCY", default=3)
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Without ack emulation a message that was taken is gone: kombu's book of messages in hand makes a worker end when
# Valkey is lost while it is busy (it would write there through a connection that is closed), and nobody needs it.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "ack_emulation": False,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "socket_connect_timeout": 2,
}
CELERY_TASK_PUBLISH_RETRY = False  # a caller never waits for Valkey: the sweep will find what it was to be told
CELERY_BEAT_SCHEDULER = "config.lib.scheduler:BeatingScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = schedule(backup_every_hours=env.int("BACKUP_EVERY_HOURS", default=24))
CELERY_TASK_ROUTES = {
    "webhooks.*": {"queue": "webhooks"},
    "bulk_orders.*": {"queue": "bulk_orders"},
    "integrations.*": {"queue": "integrations"},
}
CELERY_TASK_DEFAULT_QUEUE = "integrations"

# --- API -----------------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "integrations.authentication.ApiKeyAuthentication",
        "config.lib.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "integrations.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["config.lib.camel.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.lib.camel.AnyAccept",
    "DEFAULT_RENDERER_CLASSES": ["config.lib.camel.JsonRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.lib.pages.NewestFirst",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "ALLOWED_VERSIONS": ["v1"],
    "DEFAULT_SCHEMA_CLASS": "config.lib.documentation.Call",
    "EXCEPTION_HANDLER": "config.lib.errors.handle",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": False,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Partner gateway",
    "DESCRIPTION": "Bulk mutual-fund orders, their life, and signed webhooks that tell of it.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.0.3",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.examples.attach"],
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatusEnum": "bulk_orders.models.ORDER_STATUSES",
        "BatchStatusEnum": "bulk_orders.models.BatchStatus",
        "DeliveryStatusEnum": "webhooks.models.DeliveryStatus",
        "ServerStateEnum": ["connected", "disconnected"],
        "ProcessStateEnum": ["running", "stopped", "unknown"],
    },
}
# Versions on their way out, each with its dates: {"v1": Retirement(...)}. See docs/versions.md.
API_RETIREMENTS: dict[str, Retirement] = {}
API_RATE_PER_MINUTE: int = env.int("API_RATE_PER_MINUTE", default=100)
API_RATE_PER_HOUR: int = env.int("API_RATE_PER_HOUR", default=1000)
MAX_BODY_BYTES: int = env.int("MAX_BODY_BYTES", default=5 * 1024 * 1024)
MAX_UPLOAD_BYTES: int = env.int("MAX_UPLOAD_BYTES", default=100 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES + 1  # ours answers first, with 413

# --- Webhooks ------------------------------------------------------------------------------------------------

WEBHOOKS_ALLOWED_NETWORKS: list[str] = env.list("WEBHOOKS_ALLOWED_NETWORKS", default=[])
WEBHOOKS_REQUIRE_HTTPS: bool = env.bool("WEBHOOKS_REQUIRE_HTTPS", default=False)
# Who keeps the secret of an integration's own webhook beside ours: called with integration_id and secret on rotation.
WEBHOOKS_KEEP_MANAGED_SECRET = "integrations.services.keep_webhook_secret"  # noqa: S105  # a dotted name
WEBHOOK_TIMEOUT_SECONDS: float = env.float("WEBHOOK_TIMEOUT_SECONDS", default=10)
WEBHOOK_MAX_RETRIES: int = env.int("WEBHOOK_MAX_RETRIES", default=5)
WEBHOOK_RETRY_BASE_SECONDS: float = env.float("WEBHOOK_RETRY_BASE_SECONDS", default=1)
WEBHOOK_RETRY_MAX_SECONDS: float = env.float("WEBHOOK_RETRY_MAX_SECONDS", default=300)
WEBHOOK_DISABLE_AFTER_FAILED: int = env.int("WEBHOOK_DISABLE_AFTER_FAILED", default=100)
WEBHOOK_DISABLE_AFTER_HOURS: int = env.int("WEBHOOK_DISABLE_AFTER_HOURS", default=120)
WEBHOOK_DISABLE_MIN_MINUTES: int = env.int("WEBHOOK_DISABLE_MIN_MINUTES", default=60)
WEBHOOK_JOURNAL_DIR: str = env.str("WEBHOOK_JOURNAL_DIR", default="")
WEBHOOK_RETENTION_DAYS: int = env.int("WEBHOOK_RETENTION_DAYS", default=90)

# --- Orders and integrations ---------------------------------------------------------------------------------

BULK_ORDERS_MAX: int = env.int("BULK_ORDERS_MAX", default=100)
BULK_UPLOAD_MAX_ORDERS: int = env.int("BULK_UPLOAD_MAX_ORDERS", default=100_000)
USAGE_RETENTION_DAYS: int = env.int("USAGE_RETENTION_DAYS", default=365)
AUDIT_RETENTION_DAYS: int = env.int("AUDIT_RETENTION_DAYS", default=2555)  # seven years

# --- Sessions, passwords, browsers ---------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "config.lib.log_ins.PasswordsNoted"},
]
# A guesser is locked out by name and address together: nobody can lock a colleague out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXY_COUNT or None
AXES_CLIENT_IP_CALLABLE = "config.lib.requests.client_address"
AXES_HANDLER = "config.lib.log_ins.AuditedHandler"
AXES_LOCKOUT_CALLABLE = "config.lib.sessions.locked_out"
LOGIN_REDIRECT_URL = "/admin/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SECURE_SSL_REDIRECT: bool = env.bool("SECURE_SSL_REDIRECT", default=not DEVELOPMENT)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^api/health$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEVELOPMENT
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # The admin's Alpine.js evaluates its attributes; no page has a script of its own, none comes from another host.
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEVELOPMENT
WHITENOISE_AUTOREFRESH = False

# --- The rest ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
globals().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10  # seconds; a mail server that says nothing holds up a process of the worker no longer
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="gateway@localhost")

# --- Operations ----------------------------------------------------------------------------------------------

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT: str = env.str("LOG_FORMAT", default="console" if DEVELOPMENT else "json")
LOGGING = logs.configuration(level=LOG_LEVEL, as_json=LOG_FORMAT == "json")
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:  # imported where it is wanted: it is a fifth of a second of every command's start
    from config.lib import reporting

    reporting.start(SENTRY_DSN, release=VERSION)
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
METRICS_NETWORKS: list[str] = env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])
METRICS_HOST: str = env.str("METRICS_HOST", default="127.0.0.1")
METRICS_PORT: int = env.int("METRICS_PORT", default=0)
BACKUP_DIR: str = env.str("BACKUP_DIR", default="")
BACKUP_KEY: str = env.str("BACKUP_KEY", default="")
BACKUP_S3_URL: str = env.str("BACKUP_S3_URL", default="")
BACKUP_KEEP_DAYS: int = env.int("BACKUP_KEEP_DAYS", default=14)

# --- The console ---------------------------------------------------------------------------------------------

# What is counted by the hour, see `config.lib.figures`.
FIGURES = ["webhooks.figures.SOURCES", "bulk_orders.figures.SOURCES", "integrations.figures.SOURCES"]
LEDGERS = [
    "config.lib.figures.LEDGER",
    "integrations.figures.HOURS",
    "integrations.figures.DAYS",
    "webhooks.figures.LEDGER",
]
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Partner gateway",
    "SITE_HEADER": "Partner gateway",
    "SITE_SUBHEADER": "Console",
    "SITE_SYMBOL": "swap_horiz",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.console.theme.icon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": "config.console.theme.primary"},
    "DASHBOARD_CALLBACK": "config.console.dashboard.context",
    "STYLES": ["config.console.theme.styles"],
    "SCRIPTS": ["config.console.theme.scripts"],
    "SIDEBAR": {"show_search": False, "navigation": "config.console.navigation.menu"},
}
SILENCED_SYSTEM_CHECKS = ["urls.W002"]  # routes below an include start with their slash: none ends with one
