"""The settings of the suite: the portal's own, with nothing of this machine's `.env` or `var/`.

DATABASE_URL and REDIS_URL of the environment do count: they choose what the suite runs on.
"""

import atexit
import base64
import os
import pathlib
import secrets
import shutil
import tempfile

DATA_DIR = tempfile.mkdtemp(prefix="portal-tests-")
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
(pathlib.Path(DATA_DIR) / "static").mkdir()  # whitenoise warns when it is absent

os.environ["PORTAL_ENV_FILE"] = os.devnull
os.environ["PORTAL_DATA_DIR"] = DATA_DIR
os.environ.setdefault("PORTAL_SECRET_KEY", secrets.token_urlsafe(48))
os.environ.setdefault("PORTAL_LINK_KEY", secrets.token_urlsafe(32))
os.environ.setdefault("PORTAL_CREDENTIAL_KEYS", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

import portal.settings  # noqa: E402 - the environment above must come first

vars().update({name: value for name, value in vars(portal.settings).items() if name.isupper()})

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F821
    # A file, as in the field: threads of one process share it by its locks, which a database in memory cannot do.
    DATABASES["default"]["TEST"] = {"NAME": pathlib.Path(DATA_DIR) / "test.sqlite3"}  # noqa: F821

# Pages are rendered from the sources: the suite collects no static files.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F821

# Pages of the suite find styles and scripts in the sources on every database: nothing is collected here.
WHITENOISE_USE_FINDERS = True
