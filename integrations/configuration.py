"""An integration's ``config``: merged, judged by its template's JSON Schema, and shown without its secrets. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry

MASK = "********"
MAX_BYTES = 64 * 1024
# Where no schema says what is secret, the name does.
_SECRET_NAME = re.compile(r"secret|passw|token|salt|credential|(api|auth|access|private|license)_?key$", re.IGNORECASE)

Config = Mapping[str, Any]
Problem = dict[str, str]


def merged(config: Config, changes: Config) -> dict[str, Any]:
    """`config` with `changes`: a key set to null goes, a secret sent back as its mask stays what it was."""
    kept = {name: value for name, value in changes.items() if not (value == MASK and name in config)}
    return {name: value for name, value in {**config, **kept}.items() if value is not None}


def problems(config: Config, schema: Config) -> list[Problem]:
    """What the schema finds wrong, as ``{"path": JSON pointer below /config, "code", "message"}``.

    The empty registry keeps a ``$ref`` from fetching anything.
    """
    validator: Any = Draft202012Validator(schema, registry=Registry())
    errors = sorted(validator.iter_errors(config), key=lambda error: [str(part) for part in error.absolute_path])
    # The library reports every missing property once for each that is missing.
    found = {(problem["path"], problem["code"]): problem for error in errors for problem in _worded(error)}
    return list(found.values())


def masked(config: Config, schema: Config | None = None) -> dict[str, Any]:
    """`config` as clients may see it."""
    properties = (schema or {}).get("properties", {})
    return {name: _shown(name, value, properties.get(name, {})) for name, value in config.items()}


def _shown(name: str, value: Any, schema: Config) -> Any:
    if value is not None and (schema.get("writeOnly") or (isinstance(value, str) and _SECRET_NAME.search(name))):
        return MASK
    if isinstance(value, Mapping):
        return masked(value, schema)
    if isinstance(value, list):
        return [_shown(name, item, schema.get("items", {})) for item in value]
    return value


def _worded(error: Any) -> Iterator[Problem]:
    """Our own words: the library's quote the value, and the value may be a secret."""
    at = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield from (_problem(f"{at}/{name}", "required", "is required") for name in missing)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        yield from (_problem(f"{at}/{name}", "unknown", "is not known") for name in error.instance if name not in known)
    else:
        yield _problem(at, str(error.validator), _EXPLAINED.get(str(error.validator), "is invalid"))


def _problem(at: str, code: str, message: str) -> Problem:
    return {"path": f"/config{at}", "code": code, "message": f"config{at.replace('/', '.')} {message}"}


_EXPLAINED = {
    "type": "has the wrong type",
    "enum": "is not one of the known values",
    "pattern": "does not have the right form",
    "format": "does not have the right form",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
}
