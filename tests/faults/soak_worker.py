"""One process of a soak: `slot seed folder`.

It works until SIGTERM, then holds its own counts against the recorded rows and ends with 0; a broken invariant ends it
at once with 3, and stderr says what is broken.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
import warnings
from pathlib import Path

from soak_ledger import Ledger


def main(slot: int, seed: int, folder: Path) -> None:
    """Run one process of the soak."""
    set_clock(slot, folder)
    from soak_work import Work

    warnings.simplefilter("ignore")
    faulthandler.register(signal.SIGUSR1)  # by which the soak asks where a thread stands that does not go on
    work = Work(slot, seed, folder)
    signal.signal(signal.SIGTERM, lambda *_: work.ending.set())
    try:
        work.run()
    except Exception as error:
        work.give_up(error)


def set_clock(slot: int, folder: Path) -> None:
    """Have the wall clock of this process follow the ledger; perflab is imported after this, and takes it for real."""
    shifts_s, real = Ledger(folder / "ledger").shifts_s, time.time
    time.time = lambda: real() + int(shifts_s[slot])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
