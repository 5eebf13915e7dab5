"""What each language calls things, and its syntax trees.

In: the name of a language or of a file. Out: its grammar, and what the nodes of its trees stand for.
"""
