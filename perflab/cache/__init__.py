"""Caches: memory over TTL over disk, with every event recorded.

In: keys, values, loaders and functions. Out: values, and the rows of the `accesses` frame.
"""

from __future__ import annotations

from perflab.cache.build import build_tiers
from perflab.cache.disk.tier import DiskCache
from perflab.cache.entry import Entry
from perflab.cache.functions.cached import BoundCached, Cached, CacheInfo
from perflab.cache.functions.digest import callable_digest
from perflab.cache.functions.memoize import cached
from perflab.cache.isolation import isolated_cache
from perflab.cache.keys import UnsupportedKeyError, encode_key
from perflab.cache.mapping import MISSING
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.ttl import TTLCache
from perflab.cache.memory.weight import entry_weight, weight
from perflab.cache.policy import LRU, POLICIES, Policy
from perflab.cache.tiers.tiered import TieredCache

__all__ = [
    "LRU",
    "MISSING",
    "POLICIES",
    "BoundCached",
    "CacheInfo",
    "Cached",
    "DiskCache",
    "Entry",
    "MemoryCache",
    "Policy",
    "TTLCache",
    "TieredCache",
    "UnsupportedKeyError",
    "build_tiers",
    "cached",
    "callable_digest",
    "encode_key",
    "entry_weight",
    "isolated_cache",
    "weight",
]
