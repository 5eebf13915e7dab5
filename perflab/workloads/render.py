"""Documents as text.

In: the plain data of one document. Out: its Markdown, the same for the same data.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["code_digest", "render"]


def render(content: Mapping[str, object]) -> str:
    """Return the Markdown of a document; its front matter's `kind` chooses the template.

    Raises
    ------
    jinja2.UndefinedError
        If the content lacks something that the template shows.
    """
    heading = content["heading"]
    kind = heading["kind"] if isinstance(heading, Mapping) else ""
    return _environment().get_template(f"{kind}.md.j2").render(content)


@functools.cache
def code_digest() -> str:
    """Return a digest of everything that documents depend on beside the sources: this code and its libraries.

    What was cached under another digest was made by other code and is not found any more.
    """
    import perflab.chunk.languages.grammar

    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.glob("templates/*.j2")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    versions = (
        platform.python_version(),
        importlib.metadata.version("jinja2"),
        perflab.chunk.languages.grammar.chunker_version(),
    )
    digest.update("\0".join(versions).encode())
    return digest.hexdigest()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("perflab.workloads", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, not HTML; foreign text was made inert when the facts were taken
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
