"""Bytes as text: characters, lines, paragraphs.

In: bytes of any kind. Out: their encoding, places in them, and where they may be cut if no grammar explains them.
"""
