from __future__ import annotations

import pyarrow as pa
import pytest

from perflab.record.dictionaries import codes, compact, joined

TEXT = pa.dictionary(pa.int32(), pa.string())


def chunked(*chunks: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(chunk, pa.string()).dictionary_encode() for chunk in chunks], TEXT)


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        ([],),
        (["a", "b", "a"],),
        (["a", "b"], ["b", "c"], ["a"]),
        (["a", None], [None, None], ["b", None, "a"]),
        ([None], [None]),
        ([], ["a"], []),
    ],
    ids=["no chunk", "no row", "one", "overlapping", "missing values", "only missing", "empty between"],
)
def test_pieces_become_one_array_with_each_text_once(chunks: tuple[list[str | None], ...]) -> None:
    found = joined(chunked(*chunks))
    assert found.to_pylist() == [text for chunk in chunks for text in chunk]
    assert sorted(found.dictionary.to_pylist()) == sorted(
        {text for chunk in chunks for text in chunk if text is not None}
    )


def told(column: pa.ChunkedArray) -> list[str | None]:
    places, texts = codes(len(column), column.chunks)
    return [None if place < 0 else texts[place].as_py() for place in places.tolist()]


@pytest.mark.parametrize("distinct", [3, 127, 128, 40_000])
def test_codes_are_the_places_of_the_texts_in_the_narrowest_integers(distinct: int) -> None:
    half = [f"text-{number}" for number in range(distinct)]
    column = chunked(half[: distinct // 2], [None, *half[::-1], None], half)
    places, texts = codes(len(column), column.chunks)
    assert told(column) == column.to_pylist()
    assert len(texts) == distinct
    assert places.dtype == ("int8" if distinct <= 127 else "int16" if distinct <= 32_767 else "int32")


def test_codes_of_slices_with_missing_values_are_those_of_their_rows() -> None:
    whole = pa.array(["a", None, "b", None, "c", "a", None, "b", "b", None]).dictionary_encode()
    column = pa.chunked_array(
        [whole.slice(3, 4), chunked(["c", "x", None]).chunk(0), whole.slice(9), whole.slice(1, 0)]
    )
    assert told(column) == [None, "c", "a", None, "c", "x", None, None]
    assert told(chunked()) == told(chunked([])) == []


def test_pieces_that_share_a_dictionary_keep_it() -> None:
    whole = pa.array(["a", "b", "a", "c"]).dictionary_encode()
    shared = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(whole.indices.slice(at, 2), whole.dictionary) for at in (0, 2)]
    )
    found = joined(shared)
    assert found.to_pylist() == ["a", "b", "a", "c"]
    assert found.dictionary.buffers()[2].address == whole.dictionary.buffers()[2].address


def test_dictionaries_in_one_piece_of_memory_are_told_apart() -> None:
    texts, codes = pa.array(["a", "b", "c"]), pa.array([0, 1], pa.int32())
    parts = [pa.DictionaryArray.from_arrays(codes, texts.slice(start, 2)) for start in (0, 1)]
    assert joined(pa.chunked_array(parts)).to_pylist() == ["a", "b", "b", "c"]


def test_slices_count_as_what_they_hold() -> None:
    whole = pa.array(["a", "b", "c", None, "b"]).dictionary_encode()
    found = joined(pa.chunked_array([whole.slice(1, 2), whole.slice(3), chunked(["c", "x"]).chunk(0)]))
    assert found.to_pylist() == ["b", "c", None, "b", "c", "x"]


def test_compact_drops_what_is_not_used_and_begins_with_the_most_frequent() -> None:
    whole = pa.array(["rare", "unused", "often", None, "often", "seldom"]).dictionary_encode()
    part = pa.concat_arrays([whole.slice(0, 1), whole.slice(2)])
    found = compact(part)
    assert found.to_pylist() == ["rare", "often", None, "often", "seldom"]
    assert found.dictionary.to_pylist() == ["often", "rare", "seldom"]
    assert found.type == TEXT


@pytest.mark.parametrize("texts", [[], [None, None]], ids=["no row", "only missing"])
def test_compact_of_nothing_is_nothing(texts: list[str | None]) -> None:
    found = compact(chunked(texts).combine_chunks() if texts else joined(chunked()))
    assert found.to_pylist() == texts
    assert len(found.dictionary) == 0
