"""Every fault that can be caused, by name.

In: nothing. Out: `FAULTS`, and the faults that somebody asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perflab.errors import ConfigError
from perflab.parallel.processes import WorkerDiedError
from perflab.system.faults import disk, process
from perflab.system.faults.fault import Fault, InjectedError

__all__ = ["FAULTS", "faults_named"]

_STEP_S = 7_200.0
_STORES = "the workload stores nothing on disk"
_READS = "the workload stored nothing on disk that it reads again"
_LOADS = "the workload loads nothing through get_or_load or a cached function"
_REOPENED = "the database is closed and opened anew"
_SCRATCH = "the folder is the trial's own, and goes with it"
_NOTICES = {
    "resource_monitoring": {"enabled": True, "interval_s": 0.1, "memory_threshold_bytes": 1_000_000},
    "relief": {"enabled": True, "budget_bytes": 2_000_000, "samples": 1},
}

_ALL = (
    Fault("disk-full", "the cache's disk has no room", _REOPENED, _STORES, disk.failing(disk.full)),
    Fault("disk-read-only", "the cache's disk takes no writes", _REOPENED, _STORES, disk.failing(disk.read_only)),
    Fault("fsync-error", "writes end with an input/output error", _REOPENED, _STORES, disk.failing(disk.unsynced)),
    Fault("value-flipped", "a bit of every stored value", _SCRATCH, _READS, on_disk=disk.flip_values, filled=True),
    Fault("header-overwritten", "the database's header", _SCRATCH, _READS, on_disk=disk.overwrite_header, filled=True),
    Fault("cache-removed", "the cache folder is deleted", _SCRATCH, _READS, disk.remove_folder, filled=True),
    Fault("clock-back", "two hours back", "the clock is looked at again", _READS, disk.stepped(-_STEP_S), filled=True),
    Fault("clock-forward", "two hours on", "the clock is looked at again", _READS, disk.stepped(_STEP_S), filled=True),
    Fault(
        "loader-raises",
        "the first loader raises",
        "later ones are called as they are",
        _LOADS,
        process.fail_loader,
        raises=(InjectedError,),
        needs_disk_tier=False,
    ),
    Fault(
        "loader-slow",
        "ten loaders take 0.2 s more",
        "later ones are called as they are",
        _LOADS,
        process.slow_loaders,
        needs_disk_tier=False,
    ),
    Fault(
        "worker-killed",
        "a worker process is killed",
        "the next call starts fresh workers",
        "the workload started no worker process",
        process.kill_worker,
        raises=(WorkerDiedError,),
        needs_disk_tier=False,
    ),
    Fault(
        "memory-pressure",
        "64 MB more than the settings allow, and as much again until it is noticed, up to 512 MB",
        "the memory is given back",
        "the system did not notice within 15 s",
        process.fill_memory,
        settings=_NOTICES,
        needs_disk_tier=False,
    ),
    Fault(
        "recorder-disk-full",
        "the run folder's disk has no room",
        _SCRATCH,
        "nothing was recorded",
        process.fill_recorders_disk,
        needs_disk_tier=False,
    ),
    Fault(
        "no-file-handles",
        "no more files can be opened",
        "the limit of this process is put back",
        "this process may open more files than its limit says",
        process.use_up_handles,
        raises=(OSError, ImportError),
        needs_disk_tier=False,
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
"""By name."""


def faults_named(names: Iterable[str] | None) -> tuple[Fault, ...]:
    """Return the faults of these names, all for None.

    Raises
    ------
    ConfigError
        If there is no such fault.
    """
    wanted = list(FAULTS if names is None else names)
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown or not wanted:
        raise ConfigError(f"{', '.join(unknown) or 'nothing'} is no fault; there are {', '.join(FAULTS)}.")
    return tuple(FAULTS[name] for name in dict.fromkeys(wanted))
