"""A carrier on this machine: a small program of its own that behaves like a real one and imports nothing of ours.

Run it with `python -m portal.sandbox --help`; README.md lists its doors and its magic numbers.
"""
