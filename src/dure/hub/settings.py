"""Django's settings. Everything that differs between installations comes from the environment.

- `DURE_HOME`: folder of the embedded database and secrets (default `.dure` in the working folder).
- `DURE_DATABASE_URL`: `postgresql://user@host:port/name`; default SQLite in `DURE_HOME`.
- `DURE_SECRET_KEY_FILE`: the signing key; made on first start in `DURE_HOME` when absent.
- `DURE_ALLOWED_HOSTS`: comma-separated; default loopback only.
- `DURE_INSECURE_COOKIES=1`: lets sessions travel over plain HTTP, for loopback demos.
- `DURE_CLOCK_OFFSET_S`: seconds added to the clock, for rehearsals.
- `DURE_STUDY_MINUTES`, `DURE_STUDY_MEMORY_MIB`: the most that one study may take (60, 6144).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("DURE_HOME", ".dure")).resolve()


def _secret_key() -> str:
    file = Path(os.environ.get("DURE_SECRET_KEY_FILE", HOME / "secret-key"))
    if file.exists():
        return file.read_text().strip()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # the database stands here too
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    key = secrets.token_urlsafe(50)
    with os.fdopen(descriptor, "w") as out:
        out.write(key)
    return key


def _whole(name: str, what: str, *, default: int = 0) -> int:
    written = os.environ.get(name, str(default))
    try:
        return int(written)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is a number of {what}, not {written!r}") from error


def _database(url: str | None) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "dure.sqlite3",
            "OPTIONS": {
                # A write takes its lock at once: two writers wait instead of failing.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            "TEST": {"NAME": None},
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"DURE_DATABASE_URL must start with postgresql://, not {parts.scheme}://"
        )
    try:
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"DURE_DATABASE_URL: {error}") from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 60,
    }


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = os.environ.get("DURE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
# A proxy ends TLS, so forms come with an https origin over plain HTTP.
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
DATABASES = {"default": _database(os.environ.get("DURE_DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "dure.hub.audit",
    "dure.hub.people",
    "dure.hub.supply",
    "dure.hub.calls",
    "dure.hub.reviews",
    "dure.hub.allocations",
    "dure.hub.jobs",
    "dure.hub.tenders",
    "dure.hub.usage",
    "dure.hub.incidents",
    "dure.hub.reports",
    "dure.hub.market",
    "dure.hub.studies",
    "dure.hub.notices",
    "dure.hub.portal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dure.hub.portal.middleware.ContentSecurityPolicy",
    "dure.hub.portal.middleware.ProgrammeZone",
    "dure.hub.portal.middleware.HideWhatIsBarred",
]

ROOT_URLCONF = "dure.hub.urls"
WSGI_APPLICATION = "dure.hub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dure.hub.portal.context.portal",
            ],
        },
    }
]

_IN_THIS_PROCESS = "django.core.cache.backends.locmem.LocMemCache"
CACHES = {
    "default": {"BACKEND": _IN_THIS_PROCESS},
    # Of its own and roomy: no list of guessed names may push a count out.
    "sign-in": {
        "BACKEND": _IN_THIS_PROCESS,
        "LOCATION": "sign-in",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

AUTH_USER_MODEL = "people.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "front"
CSRF_FAILURE_VIEW = "dure.hub.portal.pages.forged"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # served from the package; nothing to collect first

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("DURE_INSECURE_COOKIES") != "1"
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
FILE_UPLOAD_HANDLERS = ["dure.hub.portal.uploads.BoundedUpload"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # one report of an agent: about 20,000 segments

DURE_CLOCK_OFFSET_S = _whole("DURE_CLOCK_OFFSET_S", "seconds")
DURE_STUDY_MINUTES = _whole("DURE_STUDY_MINUTES", "minutes", default=60)
# Address space, not what is resident: a small play maps 1.7 GiB, a national year holds 2 GiB more.
DURE_STUDY_MEMORY_MIB = _whole("DURE_STUDY_MEMORY_MIB", "mebibytes", default=6144)

_LINE = {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": _LINE, "bare": {"()": "dure.hub.log.WithoutTraceback", **_LINE}},
    "handlers": {
        "stderr": {"class": "dure.hub.log.ToStderr", "formatter": "line"},
        "bare": {"class": "dure.hub.log.ToStderr", "formatter": "bare"},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # Anybody may ask for a foreign host.
        "django.security.DisallowedHost": {"handlers": ["bare"], "propagate": False},
    },
}
