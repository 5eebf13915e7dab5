"""Loading what is missing, once for everyone who asks.

In: keys and loaders. Out: values, and turns among threads, tasks and processes.
"""
