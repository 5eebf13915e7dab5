"""What the processes of a soak tell each other, in one mapped file that outlives each of them.

In: numbers, each with one writer. Out: what was tried and acknowledged of each key, that threads go on, set clocks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["OWN_KEYS", "SLOTS", "THREADS", "Ledger"]

SLOTS, THREADS, OWN_KEYS = 4, 4, 20


class Ledger:
    """Numbers in a file.

    `tried` and `acknowledged` are the last values of each own key, `written_s` is when that was by its writer's clock,
    `steps` counts what each thread did, and `shifts_s` is by how many seconds the clock of each process is off.

    Parameters
    ----------
    path
        The file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        keys, threads = SLOTS * THREADS * OWN_KEYS, SLOTS * THREADS
        if not path.exists():
            path.write_bytes(bytes(8 * (3 * keys + threads + SLOTS)))
        numbers = np.memmap(path, dtype=np.int64, mode="r+")
        parts = np.split(numbers, [keys, 2 * keys, 3 * keys, 3 * keys + threads])
        self.tried, self.acknowledged, self.written_s = (part.reshape(SLOTS, THREADS, OWN_KEYS) for part in parts[:3])
        self.steps, self.shifts_s = parts[3].reshape(SLOTS, THREADS), parts[4]
