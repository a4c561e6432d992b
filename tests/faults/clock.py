"""A wall clock that is wrong, for the programs of a portal that are started with it."""

from pathlib import Path

from tests import components


class Clock:
    """This machine's clock and so many seconds more; `set` moves it under running programs too."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @property
    def environ(self) -> dict[str, str]:
        """The monotonic clock goes on, as it does in the field when somebody sets the other one."""
        return {
            "LD_PRELOAD": str(components.faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
