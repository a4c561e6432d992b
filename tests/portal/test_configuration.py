"""What the first start leaves on the disk."""

import stat
from pathlib import Path

import pytest

from portal.configuration import Configuration


@pytest.mark.skipif("os.name != 'posix'", reason="permissions are POSIX's")
def test_what_people_wrote_is_for_the_operator_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("PORTAL_SECRET_KEY", "PORTAL_CREDENTIAL_KEYS", "PORTAL_LINK_KEY"):
        monkeypatch.setenv(name, "kept")  # restored afterwards: reading the new keys would change this process
    config = Configuration(tmp_path)
    assert stat.S_IMODE(config.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((config.data_dir / "secrets.env").stat().st_mode) == 0o600
