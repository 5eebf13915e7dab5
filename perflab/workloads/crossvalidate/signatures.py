"""Where two signatures differ: in their parameters, or only in the defaults.

In: two signatures as text. Out: the rule that the difference breaks.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["before_default", "name_of", "parameters", "rule_for"]

_OPEN, _CLOSE = "([{", ")]}"


def name_of(signature: str) -> str:
    """Return the qualified name that a signature starts with.

    Examples
    --------
    >>> name_of("json.dump(obj, fp)"), name_of("json.JSONDecoder")
    ('json.dump', 'json.JSONDecoder')
    """
    return signature.partition("(")[0].strip()


def rule_for(stated: str, actual: str) -> str:
    """Return `default` if two different signatures have the same parameters, annotations and result, else `signature`.

    Examples
    --------
    >>> rule_for("f(a, b=1)", "f(a, b=2)"), rule_for("f(a, b=1)", "f(a, c=1)"), rule_for("f(a) -> int", "f(a)")
    ('default', 'signature', 'signature')
    """
    same = _without_defaults(stated) == _without_defaults(actual)
    return "default" if same else "signature"


def parameters(signature: str) -> tuple[list[str], str]:
    """Return the parameters of a signature, each with its annotation and default, and the text after them.

    The text is foreign and never evaluated; brackets and quotes that do not match only make a coarser split.

    Examples
    --------
    >>> parameters("f(a, *, b: dict[str, int]={}, c=', ') -> int")
    (['a', '*', 'b: dict[str, int]={}', "c=', '"], ' -> int')
    """
    start = signature.find("(") + 1
    if not start:
        return [], ""
    found: list[str] = []
    begin = start
    for at, character, depth in _outside_quotes(signature, start):
        if depth < 0 or (depth == 0 and character == ","):
            found.append(signature[begin:at].strip())
            begin = at + 1
        if depth < 0:
            return [text for text in found if text], signature[begin:]
    return [*found, signature[begin:].strip()], ""


def before_default(parameter: str) -> str:
    """Return a parameter up to the `=` that no bracket holds.

    Examples
    --------
    >>> before_default("b: int=1"), before_default("b")
    ('b: int', 'b')
    """
    for at, character, depth in _outside_quotes(parameter, 0):
        if depth == 0 and character == "=":
            return parameter[:at].strip()
    return parameter


def _without_defaults(signature: str) -> tuple[list[str], str]:
    found, result = parameters(signature)
    return [before_default(text) for text in found], result


def _outside_quotes(text: str, start: int) -> Iterator[tuple[int, str, int]]:
    """Yield (position, character, bracket depth after it) of what stands outside of string literals."""
    depth = 0
    quote = ""
    escaped = False
    for at in range(start, len(text)):
        character = text[at]
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
            continue
        if character in "'\"":
            quote = character
            continue
        depth += (character in _OPEN) - (character in _CLOSE)
        yield at, character, depth
