"""Ids as addresses and forms name them: whatever somebody writes there, no query chokes on it."""


def read(text: str) -> int | None:
    """A row's id; None for anything that is none, and for what no row can have."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def read_all(texts: list[str]) -> list[int]:
    """Those that are ids."""
    return [one for one in map(read, texts) if one is not None]
