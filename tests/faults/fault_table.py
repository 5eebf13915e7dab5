"""What must be survived: one entry a fault, and what is expected of perflab when it happens.

Always: the caller's result is returned, one warning names cause and remedy, a row is recorded, nothing hangs over five
seconds, nothing that was acknowledged is lost, and a wrong value is never returned. What is refused is refused with
one error that says what to do.

A test names the faults that it causes, `@pytest.mark.fault("disk full during a set")`; `test_fault_table.py` fails
where a fault has no test, or a test names one that is not here.
"""

from __future__ import annotations

__all__ = ["FAULTS"]

ROOM = "values pass through, reads work, clear frees space"
ASIDE = "it is put aside, a fresh store is begun, the warning names the path"
MISS = "a miss, a quarantined row, and the value is computed again"
REFUSED_FOLDER = "refused with path, owner, mode and remedy"
REFUSED_SETTING = "refused: the field, the value and what is allowed"
CLOCK = "an entry is valid only if created <= now < expires, inside a process by the monotonic clock"
LOADER = "not cached; who waits gets the error or a timeout; the next call tries again"
KEYS = "a round trip, or refused before anything is stored"
INERT = "inert text in every format of report; no export crashes"
BOUNDED = "refused or bounded, by name"
LOSSLESS = "the chunks, joined, are the file, and the reason is recorded"
THIN = "not enough data: no recommendation"
UNREADABLE = "fewer columns, the missing ones marked as not measured"
RECORDER = "bounded; the oldest rows are dropped and counted"

FAULTS: dict[str, str] = {
    "killed between two system calls of a write": "acknowledged entries are intact, half-written ones swept",
    "killed while it writes": "acknowledged entries are intact, half-written ones swept",
    "kills, evictions, clock steps and relief at once": "nothing lost, nothing wrong, no leak",
    "killed while it records": "the run opens with all that was flushed, and tells what the program was doing",
    "killed with a private folder": "the folder goes at the next start",
    "killed again and again, with resizes, relief and set clocks": "acknowledged values are there, counts add up",
    "killed with workers": "no process is left",
    "disk full during a set": ROOM,
    "disk full at open": ROOM,
    "disk full at clear": ROOM,
    "disk full from some system call on": ROOM,
    "inodes exhausted during a set": ROOM,
    "inodes exhausted at open": ROOM,
    "file size limit reached": ROOM,
    "cache folder on a read-only mount": "gets work, sets are skipped with one warning",
    "cache folder immutable": "gets work, sets are skipped with one warning",
    "cache folder taken away": "it is made again",
    "database locked by another process": "gets work, sets are skipped with one warning",
    "fsync error": "the entry is not acknowledged",
    "database header overwritten": ASIDE,
    "database truncated": ASIDE,
    "database empty": ASIDE,
    "database a folder": ASIDE,
    "database pages overwritten": ASIDE,
    "value bytes flipped": MISS,
    "value truncated": MISS,
    "planted pickle": "refused, never executed",
    "cache folder world-writable": REFUSED_FOLDER,
    "cache folder of another user": REFUSED_FOLDER,
    "cache folder a symbolic link": REFUSED_FOLDER,
    "any umask": "own folders have the mode 0700, files 0600",
    "clock back two hours": CLOCK,
    "clock forward two hours": CLOCK,
    "8 processes on one folder": "exact counts, no silent drop",
    "fork after use": "both sides work, each reports its own memory",
    "32 callers, the loading process killed": "one more load, everyone answered",
    "32 callers, the loading one dies": "one more load, everyone answered",
    "loader raises": LOADER,
    "loader hangs": LOADER,
    "loader interrupted": LOADER,
    "value of an unsupported type": "names type and key; the old value stays",
    "value larger than the tier": "not stored, others untouched",
    "odd keys": KEYS,
    "odd keys under another hash seed": KEYS,
    "file handles exhausted": "an error or a counter, not a false miss",
    "300 MB of memory": "the limit is seen; l1 shrinks first",
    "memory limit of a control group": "the limit is seen; l1 shrinks first",
    "memory budget exceeded": "every step of relief happens, measured, and comes back",
    "newer store schema": REFUSED_SETTING,
    "absurd config": REFUSED_SETTING,
    "hostile keys in a report": INERT,
    "hostile file names in a report": INERT,
    "path outside of the root": BOUNDED,
    "path with NUL": BOUNDED,
    "file a FIFO": BOUNDED,
    "file a device": BOUNDED,
    "file empty": BOUNDED,
    "file sparse, 5 GB": BOUNDED,
    "source with syntax errors": LOSSLESS,
    "source with CRLF or a BOM": LOSSLESS,
    "source in UTF-16": LOSSLESS,
    "source in invalid UTF-8": LOSSLESS,
    "source of one 100 MB line": LOSSLESS,
    "source nested deeply": LOSSLESS,
    "trace empty": THIN,
    "trace of one key": THIN,
    "trace of misses alone": THIN,
    "trace with NaN costs": THIN,
    "/proc files unreadable": UNREADABLE,
    "pressure files unreadable": UNREADABLE,
    "processes of other users unreadable": UNREADABLE,
    "recorder over its budget": RECORDER,
    "recorder's disk full": "one warning; rows stay in memory within the budget",
    "recorder's disk read-only": "one warning; rows stay in memory within the budget",
    "recorder's disk removed": "one warning; only what was on it is gone, and counted",
    "recorder's files damaged": "one warning; the program goes on",
}
