from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFUSED: Any

class Reads:
    _due_s: float

    def get(self, key: Hashable, default: Any = None) -> Any: ...
    def __getitem__(self, key: Hashable) -> Any: ...
    def _watch(
        self, hot: dict[Hashable, Any], current: ContextVar[Any], entry: type, full: int, exact: bool, /
    ) -> None: ...

def between(where: NDArray[np.float64], reads: NDArray[np.float64], rows: int, /) -> bytearray: ...
def numbered(batches: list[list[Any]], /) -> tuple[list[Any], bytearray]: ...
def unzipped(items: list[Any], rows: int, /) -> tuple[list[Any], bytearray]: ...
