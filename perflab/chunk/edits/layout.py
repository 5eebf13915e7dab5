"""How a file lies in sections and chunks, and how it lies after an edit, without cutting again what stayed the same.

In: a file's bytes. Out: a `Layout`, which holds none of them; from it and the new bytes, the next one. It is always
equal to the layout that cutting the whole file gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from perflab.chunk.chunk import Chunk, Piece, digest_of
from perflab.chunk.splitting.section import Section
from perflab.chunk.splitting.sections import Sectioning
from perflab.chunk.splitting.split import Splitter

__all__ = ["Layout", "lay_out"]

_MARGIN_BYTES = 64  # how much further than its reach a section's end is chosen by what follows it


@dataclass(frozen=True, slots=True)
class Layout:
    """The sections of one file, in order.

    Attributes
    ----------
    splitter
        What cut it.
    sectioning
        The encoding and the grammar that it was cut with.
    sections
        Together they are the file.
    cut_sections
        How many of them were cut to make this layout; the others were known.

    Examples
    --------
    >>> splitter = Splitter("m.py", None, max_bytes=2000, window_bytes=524_288, timeout_s=5.0, note=None)
    >>> before = b"".join(b"def f%d():\\n    return 1\\n\\n\\n" % number for number in range(9_999))
    >>> after = before.replace(b"def f5000():", b"def g(x):")
    >>> layout = lay_out(before, splitter)
    >>> edited = layout.after(after)
    >>> edited == lay_out(after, splitter), edited.cut_sections, len(edited.sections)
    (True, 1, 6)
    """

    splitter: Splitter
    sectioning: Sectioning
    sections: tuple[Section, ...]
    cut_sections: int = field(default=0, compare=False)

    def __len__(self) -> int:
        """Return the number of chunks."""
        return sum(len(section.pieces) for section in self.sections)

    @property
    def pieces(self) -> Iterator[Piece]:
        """The chunks, without their places and bytes."""
        return (piece for section in self.sections for piece in section.pieces)

    def chunks(self, data: bytes) -> Iterator[Chunk]:
        """Yield the chunks of the file, whose bytes are `data`."""
        at, line = 0, 1
        for piece in self.pieces:
            yield piece.at(self.splitter.path, at, line, data[at : at + piece.nbytes])
            at, line = at + piece.nbytes, line + piece.feeds

    def after(self, data: bytes) -> Layout:
        """Return the layout of the file after an edit, with `data` as its bytes.

        The sections before and behind the edit are told by their digests. From a section before it, whose end the
        edit had no part in, section is found after section, until one begins where an old one did behind the edit:
        all further ones are the old ones. A section whose bytes are known is not cut again, wherever it was.

        Everything is cut if other first bytes changed the file's encoding.
        """
        if self.splitter.sectioning(data) != self.sectioning:
            return lay_out(data, self.splitter)
        kept, joints = self._kept(data)
        again = list(self._again(data, kept, joints))
        sections = (*self.sections[:kept], *(section for section, _ in again))
        return Layout(self.splitter, self.sectioning, sections, sum(is_cut for _, is_cut in again))

    def _again(self, data: bytes, kept: int, joints: Mapping[int, int]) -> Iterator[tuple[Section, bool]]:
        """Yield the sections behind the first `kept` ones, and whether each was cut, not known."""
        known = {(section.digest, section.inside_line): section for section in self.sections if section.in_time}
        cutter = self.splitter.cutter(is_whole=kept == 0 and self.sectioning.end(data, 0) == len(data))
        at = sum(section.nbytes for section in self.sections[:kept])
        line = 1 + sum(section.feeds for section in self.sections[:kept])
        while at < len(data):
            inside_line = at > 0 and data[at - 1] != 0x0A
            joint = joints.get(at)
            if joint is not None and self.sections[joint].inside_line == inside_line:
                yield from ((section, False) for section in self.sections[joint:])
                return
            part = data[at : self.sectioning.end(data, at)]
            section = known.get((digest_of(part), inside_line))
            is_cut = section is None
            if section is None:
                encoding, grammar = self.sectioning.encoding, self.sectioning.grammar
                section = cutter.cut(part, encoding, grammar, line, inside_line=inside_line)
            yield section, is_cut
            at, line = at + len(part), line + section.feeds

    def _kept(self, data: bytes) -> tuple[int, dict[int, int]]:
        """Return how many first sections are as they were, and where each last one with its old bytes begins now."""
        starts = [0, *accumulate(section.nbytes for section in self.sections)]
        view = memoryview(data)
        head = _unchanged(view, self.sections, forward=True)
        tail = len(self.sections) - _unchanged(view[starts[head] :], self.sections[::-1], forward=False)
        moved = len(data) - starts[-1]
        joints = {starts[index] + moved: index for index in range(tail, len(self.sections))}
        return self._unaffected(starts, head), joints

    def _unaffected(self, starts: Sequence[int], head: int) -> int:
        """Return how many of the first `head` sections end where they did, whatever follows them."""
        kept = max(min(head, len(self.sections) - 1), 0)  # the last one ended with the file
        changed = starts[kept]
        while kept and starts[kept - 1] + self._seen(kept - 1) > changed:
            kept -= 1
        return kept

    def _seen(self, index: int) -> int:
        return self.sectioning.seen(self.sections[index].nbytes) + _MARGIN_BYTES


def lay_out(data: bytes, splitter: Splitter) -> Layout:
    """Return the layout of a file from its bytes."""
    sectioning = splitter.sectioning(data)
    stops = list(sectioning.ends(data, 0, len(data)))
    cutter = splitter.cutter(is_whole=len(stops) == 1)
    found: list[Section] = []
    at, line, inside_line = 0, 1, False
    for stop in stops:
        section = cutter.cut(data[at:stop], sectioning.encoding, sectioning.grammar, line, inside_line=inside_line)
        found.append(section)
        at, line, inside_line = stop, line + section.feeds, data[stop - 1] != 0x0A
    return Layout(splitter, sectioning, tuple(found), len(found))


def _unchanged(view: memoryview, sections: Sequence[Section], *, forward: bool) -> int:
    """Return how many sections lie at the beginning of some bytes (at their end, from the last one backwards)."""
    at = 0
    for count, section in enumerate(sections):
        stop = at + section.nbytes
        part = view[at:stop] if forward else view[max(len(view) - stop, 0) : len(view) - at]
        if len(part) < section.nbytes or digest_of(part) != section.digest:
            return count
        at = stop
    return len(sections)
