"""A command, run in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
from typer.testing import CliRunner

from perflab.cli.app import app


class Said(NamedTuple):
    """How it ended, and what it printed."""

    code: int
    text: str
    errors: str


def said(*arguments: str | Path | int, **environ: str) -> Said:
    """Run a command; a traceback of it is the test's."""
    environ = {"COLUMNS": "200", "NO_COLOR": "1", **environ}
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environ)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def answered(*arguments: str | Path | int) -> tuple[int, dict[str, Any]]:
    """Run a command with `--json`, hold its answer against its schema, and return it."""
    code, text, errors = said(*arguments, "--json")
    document = json.loads(text)
    assert errors == ""
    assert document["exit_code"] == code
    validate(document)
    return code, document


def validate(document: Mapping[str, Any]) -> None:
    """Hold an answer against the schema that it names: it must be valid, and its first keys all described."""
    schema = schema_of(document["schema"].removeprefix("perflab.").partition("/")[0])
    jsonschema.Draft202012Validator(schema).validate(document)
    assert set(document) <= set(schema["properties"]), "keys that the schema does not describe"


def schema_of(name: str) -> dict[str, Any]:
    """Return a command's schema."""
    loaded: dict[str, Any] = json.loads(files("perflab.cli").joinpath("schemas", f"{name}.json").read_text("utf-8"))
    return loaded
