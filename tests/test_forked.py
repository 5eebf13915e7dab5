"""A forked child: its tiers work whatever other threads of its parent were at."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys, threading
from perflab import forked
from perflab.cache import MemoryCache, TTLCache

tiers = {"l1": MemoryCache(max_entries=9, write_back=print), "l2": TTLCache(max_entries=9, write_back=print)}
for tier in tiers.values():
    tier.set("k", 1, dirty=True)
    tier["other"] = 2
held, busy = threading.Event(), tiers.get(sys.argv[1])

def hold():
    with busy._lock:
        held.set()
        threading.Event().wait(60)

if busy is not None:
    threading.Thread(target=hold, daemon=True).start()
    held.wait()
dropped = MemoryCache(max_entries=1)
del dropped
if os.fork() == 0:
    for name, tier in tiers.items():
        held, dirty, stored = dict(tier), len(tier.dirty()), tier.set("new", 3)
        print(name, held, dirty, stored, tier.get_or_load("x", int) if name == "l2" else 0)
    sys.stdout.flush()
    os._exit(0)
os.wait()
os._exit(0)
"""
KEPT = "{'k': 1, 'other': 2} 1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("busy", "l1", "l2"), [("none", KEPT, KEPT), ("l1", "{} 0", KEPT), ("l2", KEPT, "{} 0")])
def test_a_child_has_what_nobody_was_changing(busy: str, l1: str, l2: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, busy]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"l1 {l1} True 0", f"l2 {l2} True 0"]
