"""Secrets kept out of what is stored: passwords in addresses, values of assignments, values of the environment.

In: text that came with an error, a setting or an address. Out: the same text with `…` in the place of each secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["redacted", "redacted_facts", "site_of"]

_HIDDEN = "…"
_LEAST = 6
"""Characters of a variable's value from which it is looked for: a shorter one would be found in words that are none."""

_STRICT = r"passw|pwd|passphrase|secret|credential|authorization|api[_-]?key|access[_-]?key|private[_-]?key"
_NAMED = r"[\w.-]{{0,40}}(?:{})[\w.-]{{0,40}}"
_ANY_NAME = _NAMED.format(rf"token|signature|{_STRICT}")
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|(?:bearer\s+|basic\s+)?[^\s&;,'\"]+)"
_HINT = re.compile(rf"://|bearer|basic|token|signature|{_STRICT}", re.IGNORECASE)
_SECRET_NAME = re.compile(_ANY_NAME, re.IGNORECASE)
_PLACES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<=://)()[^/\s?#@]+(?=@)",
        rf"({_ANY_NAME}=){_VALUE}",
        rf"({_NAMED.format(_STRICT)}['\"]?\s*:\s*){_VALUE}",  # after a colon, "token" is a parser's word too
        rf"(--{_ANY_NAME}\s+){_VALUE}",
        r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}",
    )
)


def redacted(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return text without what looks like a secret, and without what the environment has under a secret's name.

    Examples
    --------
    >>> redacted("no answer from https://me:hunter2@host/x?token=abc", {})
    'no answer from https://…@host/x?token=…'
    >>> redacted("login --password hunter2 failed for correct-horse", {"DB_PASSWORD": "correct-horse"})
    'login --password … failed for …'
    """
    for secret in _values(environ):
        text = text.replace(secret, _HIDDEN)
    if _HINT.search(text):  # the places take forty times as long, and an error's text may be megabytes
        for place in _PLACES:
            text = place.sub(rf"\1{_HIDDEN}", text)
    return text


def redacted_facts(value: Any, environ: Mapping[str, str] = os.environ) -> Any:
    """Return facts with every text in them redacted."""
    if isinstance(value, str):
        return redacted(value, environ)
    if isinstance(value, Mapping):
        return {name: redacted_facts(item, environ) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_facts(item, environ) for item in value]
    return value


def site_of(url: str) -> str:
    """Return who an address belongs to, without what only its owner may know: the path of a webhook is its password.

    Examples
    --------
    >>> site_of("https://hooks.example/services/T000/B000")
    'https://hooks.example/…'
    """
    scheme, mark, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}{mark}{host}/{_HIDDEN}"


def _values(environ: Mapping[str, str]) -> list[str]:
    found = {value for name, value in environ.items() if len(value) >= _LEAST and _SECRET_NAME.fullmatch(name)}
    return sorted(found, key=len, reverse=True)
