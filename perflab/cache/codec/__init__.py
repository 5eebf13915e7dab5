"""Values as bytes, without pickle.

In: values. Out: bytes, and equal values again.
"""
