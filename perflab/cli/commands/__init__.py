"""The commands: what each takes from a shell, a module a group.

In: arguments. Out: answers of the modules that do the work, which are imported when a command runs.
"""
