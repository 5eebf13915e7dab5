"""What settings are made of: types with their bounds, and the class of every group.

In: values as people write them. Out: checked ones, in objects that do not change.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perflab.errors import ConfigError
from perflab.units import parse_bytes, parse_ratio

__all__ = ["Bytes", "ChunkBytes", "Count", "MiB", "PositiveBytes", "Ratio", "Seconds", "Settings"]

MiB = 1024 * 1024

Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(ge=0, le=1 << 50)]
PositiveBytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0, le=1 << 50)]
ChunkBytes = Annotated[int, BeforeValidator(parse_bytes)]
Ratio = Annotated[float, BeforeValidator(parse_ratio), Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number; write a whole number")
    return value


Count = Annotated[int, BeforeValidator(_no_truth)]


class Settings(BaseModel):
    """A group of settings, frozen and validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def __setattr__(self, name: str, value: object) -> None:
        raise ConfigError(f"A config does not change; use config.replace({name}=...) and the new one it returns.")
