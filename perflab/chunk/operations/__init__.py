"""Perflab's own functions of chunks.

In: chunks, or their results over whole files. Out: facts of each chunk, and of all of them together.
"""
