"""The tiers as one cache.

In: tiers, keys and values. Out: values from whichever tier has them, and entries that move between tiers.
"""
