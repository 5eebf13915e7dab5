"""What an edit changed.

In: files and how they lay before. Out: how they lie now, and which chunks stayed, moved, came and went.
"""
