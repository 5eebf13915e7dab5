"""Files that a deployment starts from.

In: nothing. Out: a Dockerfile, settings, a systemd unit and more, which `perflab deploy` copies.
"""
