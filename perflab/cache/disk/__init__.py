"""The tier on disk.

In: keys and values that can be stored. Out: the same values, also in later processes.
"""
