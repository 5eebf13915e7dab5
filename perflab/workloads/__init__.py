"""The two real workloads that perflab measures itself with: creating documents, and cross-validating them.

In: a source tree. Out: documents, findings, counts of work and a digest of all of it.
"""
