"""A function over the chunks of files, computed only where these changed.

In: files, a function of a chunk, a cache and workers. Out: results in the file's order, counted.
"""
