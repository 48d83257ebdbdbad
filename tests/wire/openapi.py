"""Hold requests and answers against ServiceTitan's official OpenAPI documents (3.1, which is JSON Schema 2020-12).

The documents lie beside the repository. Where they are missing a test is skipped and says so; under CI it fails.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENTS = Path(__file__).parents[2] / ".." / "shared" / "reference" / "servicetitan" / "openapi"
MOST_IDS = 50  # stated for most lists, and observed on the others

Query = Mapping[str, Sequence[str]]  # as urllib.parse.parse_qs gives it


class NotAsSpecified(AssertionError):
    """A request or an answer that the official document does not allow."""


def validate_answer(module: str, method: str, path: str, status: int, body: object) -> None:
    """`body` (JSON values, or the bytes) must be what `module` declares for this answer; else `NotAsSpecified`.

    `path` is the path of the request, with or without `/{module}/v2` before it.
    """
    template, operation = _operation(module, method, path)
    answer = operation["responses"].get(str(status))
    if answer is None:
        raise NotAsSpecified(f"{method} {template}: an answer of {status} is not declared")
    value = json.loads(body) if isinstance(body, bytes | str) else body
    pointer = (
        f"{_pointer('paths', template, method.lower(), 'responses', str(status))}/content/application~1json/schema"
    )
    wrong = list(_errors(module, pointer, value))
    if wrong:
        raise NotAsSpecified(f"{method} {template} {status}: " + "; ".join(wrong[:5]))


def validate_request(module: str, method: str, path: str, query: Query) -> None:
    """Every parameter of `query` must be declared and well formed, and no required one may be missing."""
    template, operation = _operation(module, method, path)
    declared = {it["name"]: (n, it) for n, it in enumerate(operation["parameters"]) if it["in"] == "query"}
    wrong = [f"{name} is not declared" for name in query if name not in declared]
    wrong += [f"{name} is missing" for name, (_, it) in declared.items() if it.get("required") and name not in query]
    for name, values in query.items():
        if name in declared:
            n, parameter = declared[name]
            pointer = f"{_pointer('paths', template, method.lower(), 'parameters', str(n))}/schema"
            wrong += [f"{name}: {it}" for it in _errors(module, pointer, _value(parameter["schema"], values))]
            if name == "ids" and len([it for value in values for it in value.split(",")]) > MOST_IDS:
                wrong.append(f"ids: more than {MOST_IDS}")
    if wrong:
        raise NotAsSpecified(f"{method} {template}: " + "; ".join(wrong))


def validate_body(module: str, method: str, path: str, body: bytes) -> None:
    """The body of a request must be what is declared, and hold no field that is not; else `NotAsSpecified`."""
    template, operation = _operation(module, method, path)
    if "requestBody" not in operation:
        raise NotAsSpecified(f"{method} {template}: no body is declared")
    pointer = f"{_pointer('paths', template, method.lower(), 'requestBody')}/content/application~1json/schema"
    wrong = list(_errors(module, pointer, json.loads(body)))
    if wrong:
        raise NotAsSpecified(f"{method} {template}: " + "; ".join(wrong[:5]))


def scopes(module: str, method: str, path: str) -> set[str]:
    """The scopes that the operation asks for."""
    _, operation = _operation(module, method, path)
    return {scope for way in operation["security"] for scope in way.get("oauth", ())}


def fields(module: str, path: str) -> set[str]:
    """The names of all fields that a row of this paged list or feed has."""
    _, operation = _operation(module, "GET", path)
    schemas = document(module)["components"]["schemas"]
    page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
    row = schemas[page]["properties"]["data"]["items"]["$ref"].rsplit("/", 1)[-1]
    return set(schemas[row]["properties"])


@cache
def document(module: str) -> dict[str, Any]:
    path = DOCUMENTS / f"{module}-v2.json"
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{path} is missing")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@cache
def _templates(module: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """Each path of the document as a pattern; those without parameters of their own come first."""
    paths = sorted(document(module)["paths"], key=lambda it: it.count("{"))
    return [(re.compile("".join(_piece(it) for it in re.split(r"(\{\w+\})", path))), path) for path in paths]


def _piece(text: str) -> str:
    return "[^/]+" if text.startswith("{") else re.escape(text)


@cache
def _operation(module: str, method: str, path: str) -> tuple[str, dict[str, Any]]:
    below = path.removeprefix(f"/{module}/v2")
    for pattern, template in _templates(module):
        if pattern.fullmatch(below):
            operation = document(module)["paths"][template].get(method.lower())
            if operation:
                return template, operation
    raise NotAsSpecified(f"{module} has no {method} {below}")


@cache
def _registry(module: str) -> Registry[Any]:
    resource = DRAFT202012.create_resource(document(module))
    registry: Registry[Any] = Registry().with_resource(f"urn:{module}", resource)
    return registry


@cache
def _validator(module: str, pointer: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"urn:{module}#{pointer}"},
        registry=_registry(module),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def _errors(module: str, pointer: str, value: object) -> Iterator[str]:
    for error in _validator(module, pointer).iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"


def _pointer(*names: str) -> str:
    return "".join(
        "/" + name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for name in names
    )


def _value(schema: Mapping[str, Any], values: Sequence[str]) -> object:
    """What a query's text means by `schema`; text that cannot be read so is left as it is, and then does not fit."""
    if schema.get("type") == "array":
        return [_value(schema["items"], [it]) for it in values]
    if len(values) > 1:
        return list(values)
    text = values[0]
    match schema.get("type"):
        case "integer" if re.fullmatch(r"-?\d+", text):
            return int(text)
        case "number" if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case _:
            return text
