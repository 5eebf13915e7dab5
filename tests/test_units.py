from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.units import format_bytes, format_quantity, format_seconds, parse_bytes, parse_ratio


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50MB", 50_000_000), ("50MiB", 52_428_800), ("1.5 kB", 1500), ("7", 7), ("0", 0), ("2TiB", 2 << 40), (3.0, 3)],
)
def test_sizes_are_decimal_or_binary(text: str | float, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize(
    "wrong", ["10 GBB", "-1MB", "MB", "", "1 iB", "nan", -1, 1.5, math.nan, math.inf, True, None, b"1"]
)
def test_what_is_no_size_is_refused_by_its_value(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a size") as caught:
        parse_bytes(wrong)  # type: ignore[arg-type]
    assert repr(wrong) in str(caught.value)


@given(st.integers(0, 1 << 50))
def test_a_number_of_bytes_is_itself(size: int) -> None:
    assert parse_bytes(size) == parse_bytes(str(size)) == size


@pytest.mark.parametrize(("share", "ratio"), [("75%", 0.75), ("0.2", 0.2), (1, 1.0), (" 5 % ", 0.05)])
def test_shares(share: str | float, ratio: float) -> None:
    assert parse_ratio(share) == pytest.approx(ratio)


@pytest.mark.parametrize("wrong", ["much", "%", None, True])
def test_what_is_no_share_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        parse_ratio(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (-1500, "-1.50 kB"), (5e15, "5000 TB")]
)
def test_bytes_for_people(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("duration", "text"), [(90, "90.0 s"), (0.0099, "9.90 ms"), (2.5e-9, "2.50 ns"), (-0.5, "-500 ms")]
)
def test_seconds_for_people(duration: float, text: str) -> None:
    assert format_seconds(duration) == text


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
@pytest.mark.parametrize("unit", ["s", "bytes", "ratio", "count"])
def test_a_missing_quantity_is_unavailable_never_zero(missing: float | None, unit: str) -> None:
    assert format_quantity(missing, unit) == "unavailable"
