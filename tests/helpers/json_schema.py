"""As much of JSON Schema as this project uses; any other keyword raises."""

import json
from pathlib import Path
from typing import Any

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
_SAID = {"$schema", "$defs", "title", "description"}


def problems(value: Any, schema_file: Path) -> list[str]:
    """What is wrong with a value, a line each."""
    whole = json.loads(schema_file.read_text())
    return list(_problems(value, whole, whole, "$"))


def _problems(value, schema, whole, place):
    for keyword, asked in schema.items():
        match keyword:
            case "$ref":
                yield from _problems(value, _resolved(asked, whole), whole, place)
            case "oneOf":
                tried = [list(_problems(value, one, whole, place)) for one in asked]
                if sum(not found for found in tried) != 1:
                    yield f"{place} is not one of {len(asked)}: {tried}"
            case "const" | "enum":
                if value not in (asked if keyword == "enum" else [asked]):
                    yield f"{place} is {value!r}, not {asked!r}"
            case "type":
                kinds = [asked] if isinstance(asked, str) else asked
                is_kind = any(isinstance(value, _TYPES[kind]) for kind in kinds)
                if not is_kind or isinstance(value, bool):
                    yield f"{place} is {value!r}, not {asked}"
            case "minimum":
                if value < asked:
                    yield f"{place} is {value}, below {asked}"
            case "required":
                yield from (f"{place} lacks {n}" for n in asked if n not in value)
            case "items":
                for index, one in enumerate(value):
                    yield from _problems(one, asked, whole, f"{place}[{index}]")
            case "properties":
                for name in asked.keys() & value.keys():
                    inside = f"{place}.{name}"
                    yield from _problems(value[name], asked[name], whole, inside)
            case "additionalProperties":
                for name in value.keys() - schema.get("properties", {}).keys():
                    if asked is False:
                        yield f"{place} has {name}, which is not known"
                    else:
                        inside = f"{place}.{name}"
                        yield from _problems(value[name], asked, whole, inside)
            case _ if keyword not in _SAID:
                raise NotImplementedError(keyword)


def _resolved(reference: str, whole: dict) -> dict:
    found = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
