"""Repeated text that many pieces hold, each with a dictionary of its own.

In: dictionary-encoded columns. Out: one array with one dictionary, as Arrow or as numpy has it, or one that keeps only
the texts in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.record.buffers import int32_array, missing, numbers_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["codes", "compact", "joined"]


def joined(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a chunked column as one array whose texts stand in one dictionary, each once.

    Arrow's own `unify_dictionaries` hashes a dictionary again for every chunk that shares it: nine seconds and more for
    ten million rows in pieces of 4,096, where this takes a tenth of one.
    """
    import pyarrow as pa

    texts, places = _unified(column.chunks)
    if places:
        indices = pa.concat_arrays([_translated(chunk, places) for chunk in column.chunks])
    else:
        chunks = [chunk.indices for chunk in column.chunks]
        indices = pa.chunked_array(chunks, column.type.index_type).combine_chunks()
    return pa.DictionaryArray.from_arrays(indices, texts)


def codes(rows: int, pieces: Sequence[pa.Array]) -> tuple[NDArray[Any], pa.Array]:
    """Return each row's place among the texts of a column's pieces, -1 where it is missing, and the texts, each once.

    The places are of the narrowest dtype that pandas would choose. They are made in one pass without a copy: of ten
    million rows, each copy costs more in fresh memory than in work.
    """
    import numpy as np

    texts, places = _unified(pieces)
    dtype = next((kind for kind in (np.int8, np.int16) if len(texts) <= np.iinfo(kind).max), np.int32)
    found = np.zeros(rows, dtype)
    stop = 0
    for piece in pieces:
        start, stop = stop, stop + len(piece)
        moved = places.get(_address(piece.dictionary))
        if moved is not None:
            here = numbers_of(moved, np.int32).astype(dtype)
            np.take(here, numbers_of(piece.indices, np.int32), out=found[start:stop], mode="clip")
        elif len(piece.dictionary) > 1:
            np.copyto(found[start:stop], numbers_of(piece.indices, np.int32), casting="unsafe")
        if piece.null_count:
            found[start:stop][missing(piece.indices)] = -1
    return found, texts


def compact(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the same texts with a dictionary of only those in use, the most frequent first.

    Small indices for frequent texts are what a compressor finds most in: on keys by Zipf's law a tenth less.
    """
    import numpy as np
    import pyarrow as pa

    counts = np.bincount(numbers_of(array.indices.drop_null(), np.int32), minlength=len(array.dictionary))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].astype(np.int32)
    places = np.zeros(len(counts), np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    kept = array.dictionary.take(int32_array(order))
    return pa.DictionaryArray.from_arrays(int32_array(places).take(array.indices), kept)


def _unified(pieces: Sequence[pa.Array]) -> tuple[pa.Array, Mapping[tuple[Any, ...], pa.Array]]:
    """Return the texts of all chunks, and by the address of a dictionary the places of its texts among them.

    A dictionary whose texts stand in the same places, as in columns with one text, is left out.
    """
    import pyarrow as pa

    dictionaries = {_address(piece.dictionary): piece.dictionary for piece in pieces if len(piece.dictionary)}
    if len(dictionaries) < 2:
        return next(iter(dictionaries.values()), pa.nulls(0, pa.string())), {}
    encoded = pa.chunked_array(list(dictionaries.values())).dictionary_encode().chunks
    places = {address: chunk.indices for address, chunk in zip(dictionaries, encoded, strict=True) if _moves(chunk)}
    return encoded[0].dictionary, places


def _translated(chunk: pa.DictionaryArray, places: Mapping[tuple[Any, ...], pa.Array]) -> pa.Array:
    found = places.get(_address(chunk.dictionary))
    return chunk.indices if found is None else found.take(chunk.indices)


def _moves(encoded: pa.DictionaryArray) -> bool:
    import numpy as np

    places = numbers_of(encoded.indices, np.int32)
    return not np.array_equal(places, np.arange(len(places)))


def _address(array: pa.Array) -> tuple[Any, ...]:
    places = (None if buffer is None else buffer.address for buffer in array.buffers())
    return len(array), array.offset, *places
