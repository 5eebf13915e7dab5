"""Policies: which entry of a memory tier leaves first.

In: a name or a class. Out: an order of eviction with the protocol `Policy`.
"""

from __future__ import annotations

from perflab.cache.policy.gdsf import GDSF
from perflab.cache.policy.lfu import LFU
from perflab.cache.policy.protocol import Policy
from perflab.cache.policy.queues import FIFO, LRU
from perflab.cache.policy.s3fifo import S3FIFO
from perflab.cache.policy.sieve import Sieve
from perflab.cache.policy.table import POLICIES, Choice, choose
from perflab.cache.policy.tinylfu import TinyLFU

__all__ = ["FIFO", "GDSF", "LFU", "LRU", "POLICIES", "S3FIFO", "Choice", "Policy", "Sieve", "TinyLFU", "choose"]
