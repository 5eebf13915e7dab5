"""Tiers in memory, with and without ages.

In: keys and Python values. Out: the same objects until room, age or request removes them.
"""
