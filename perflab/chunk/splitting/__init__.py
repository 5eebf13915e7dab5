"""Lossless cuts of bytes into chunks.

In: bytes, or a function that reads them. Out: sections of them, and the chunks of these.
"""
