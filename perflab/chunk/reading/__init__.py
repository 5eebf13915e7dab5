"""Files, pipes and URLs, read from start to end in bounded memory.

In: a path, a URL or something open. Out: its chunks, or pieces of it that end where a line, a record or a heading does.
"""
