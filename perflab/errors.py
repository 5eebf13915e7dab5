"""The package's own exceptions.

Each message is one sentence: what failed, the value found, what is allowed and what to do.
"""

from __future__ import annotations

__all__ = [
    "BenchmarkError",
    "BusyError",
    "CancelledError",
    "ConfigError",
    "PerflabError",
    "RunError",
    "SourceError",
    "StoreError",
]


class PerflabError(Exception):
    """Base of every error that perflab raises on purpose."""


class ConfigError(PerflabError, ValueError):
    """A setting has a value, or a name, that is not allowed."""


class RunError(PerflabError):
    """A run folder cannot be written, read or understood."""


class SourceError(PerflabError):
    """A file or folder that was to be read is missing, unreadable, empty or of a wrong kind."""


class StoreError(PerflabError):
    """A cache tier refuses a folder, a key or a value."""


class BenchmarkError(PerflabError):
    """A benchmark cannot start, or its arms disagree."""


class BusyError(PerflabError):
    """Something of which one at a time is allowed is under way already."""


class CancelledError(PerflabError):
    """Work ended early because its caller asked for that."""
