"""Validation errors as people read them.

In: pydantic's error. Out: one sentence a wrong value: field, value, what is allowed.
"""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError

__all__ = ["explain"]


_ALLOWED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "tuple_type": "a list",
    "model_type": "a table of settings",
    "path_type": "a path",
}


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one sentence for each thing that is wrong, joined by spaces."""
    return " ".join(_sentence(dict(problem), model) for problem in error.errors(include_url=False))


def _sentence(problem: dict[str, Any], model: type[BaseModel]) -> str:
    path = [part for part in problem["loc"] if isinstance(part, str | int)]
    field = ".".join(str(part) for part in path)
    if problem["type"] == "extra_forbidden":
        return _unknown(field, path, model)
    own = problem.get("ctx", {}).get("error")
    if own is not None:
        return f"{field}: {own}." if field else f"{own}."
    allowed = _ALLOWED.get(str(problem["type"]), str(problem["msg"]).removeprefix("Input should be "))
    return f"{field} is {_shown(problem['input'])}; allowed: {allowed[:1].lower()}{allowed[1:]}."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _unknown(field: str, path: list[str | int], model: type[BaseModel]) -> str:
    names = _fields_at(model, path[:-1])
    near = difflib.get_close_matches(str(path[-1]), names, n=1)
    hint = f"did you mean {near[0]!r}" if near else "allowed are " + ", ".join(names)
    return f"{field} is no setting; {hint}."


def _fields_at(model: type[BaseModel], path: list[str | int]) -> list[str]:
    for part in path:
        nested = model.model_fields[str(part)].annotation
        if not (isinstance(nested, type) and issubclass(nested, BaseModel)):
            return []
        model = nested
    return list(model.model_fields)
