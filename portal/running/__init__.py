"""The parts of `up`: one process with web, worker and beat, and children that end with it."""
