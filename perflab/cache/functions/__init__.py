"""Functions whose results are cached.

In: functions and a tiered cache. Out: functions that compute each result once.
"""
