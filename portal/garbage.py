"""Python's cycle collector, set for processes that live long."""

import gc

# New objects between two collections. The default of 700 looks through everything under way many times a second.
THRESHOLD = 20_000


def settle() -> None:
    """What has been loaded by now stays for good: never look through it again, and look less often at what is new."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD, 10, 10)
