"""Simulators: every policy over a whole trace, compiled.

In: a trace as numbers. Out: hits and misses. The modules in here import numba; they are imported when they are used.
"""
