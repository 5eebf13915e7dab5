"""All fuzzers: importing this enters them into the table."""

from __future__ import annotations

import fuzz_chunks  # noqa: F401
import fuzz_codec  # noqa: F401
import fuzz_runs  # noqa: F401
import fuzz_settings  # noqa: F401
import fuzz_traces  # noqa: F401
from fuzzing import FUZZERS, Fuzzer

__all__ = ["FUZZERS", "Fuzzer"]
