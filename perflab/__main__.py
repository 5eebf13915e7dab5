"""`python -m perflab`: the command line.

In: arguments. Out: an exit code.
"""

from __future__ import annotations

from perflab.cli import main

if __name__ == "__main__":
    main()
