"""Candidates chosen one after the other by optuna, which looks where the best ones so far were.

In: candidates, what each saves. Out: those that it looked at. It is an extra, and imported only here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from perflab.errors import PerflabError
from perflab.optimize.setting import MemorySetting

__all__ = ["suggested"]

_LOOKED_AT = 3
"""Of so many candidates one is looked at."""


def suggested(
    saved: Callable[[MemorySetting], float],
    settings: Sequence[MemorySetting],
    seed: int,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[MemorySetting]:
    """Return a third of the candidates, the first of them among these, as optuna's TPE sampler chooses them.

    Bergstra, Bardenet, Bengio, Kegl: Algorithms for hyper-parameter optimization, NeurIPS 2011.

    Parameters
    ----------
    saved
        What a candidate saves; more is better.
    settings
        Candidates; those behind the first are every combination of their policies, sizes and times to live.
    seed
        Of the sampler.
    cancelled
        Asked before each; once it is true, those so far are returned.

    Raises
    ------
    PerflabError
        If optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise PerflabError(
            "search is 'optuna', which cannot be imported; install it with: pip install 'perflab[optuna]'."
        ) from error
    looked: dict[MemorySetting, None] = {settings[0]: None}
    with _quiet(optuna):
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        for _ in range(len(settings) // _LOOKED_AT):
            if cancelled():
                break
            trial = study.ask()
            setting = _chosen(trial, settings[1:] or settings)
            looked[setting] = None
            study.tell(trial, saved(setting))
    return list(looked)


def _chosen(trial: Any, settings: Sequence[MemorySetting]) -> MemorySetting:
    policies = sorted({setting.l1_policy for setting in settings})
    sizes = sorted({(setting.l1_bytes, setting.l2_bytes) for setting in settings})
    lives = sorted({setting.l2_ttl_s for setting in settings})
    first, behind = sizes[trial.suggest_int("sizes", 0, len(sizes) - 1)]
    policy = trial.suggest_categorical("l1_policy", policies)
    life = lives[trial.suggest_int("l2_ttl_s", 0, len(lives) - 1)]
    return MemorySetting(policy, first, behind, life, settings[0].untuned)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
