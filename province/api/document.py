"""The API as an OpenAPI document, made from its endpoints. Source: OpenAPI 3.1.1; RFC 9457 for problems; RFC 6750 for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from province.api.clients import PREFIX
from province.api.endpoints import Endpoint
from province.api.shapes import Problem

PATH = "/api/v1"
_WHERE = "#/components/schemas/{name}"
_ALWAYS = {
    400: "the request is not as described: `detail` says which part",
    401: "no token, or one that counts no more",
    403: "this token may not",
    413: "the body is too large",
    429: "too many requests; `Retry-After` says in how many seconds to come again",
    503: "the register cannot be asked now; come again",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document, for JSON."""
    types: list[Any] = [Problem]
    for one in endpoints:
        types += [one.says, *([] if one.takes is None else [one.takes]), *(each.kind for each in one.parameters)]
    found, components = msgspec.json.schema_components(types, ref_template=_WHERE)
    known = iter(found[1:])
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        says = next(known)
        takes = None if one.takes is None else next(known)
        parameters = [_parameter(each.name, next(known), each.words, in_path=each.in_path) for each in one.parameters]
        paths.setdefault(PATH + one.path, {})[one.method.lower()] = _operation(one, says, takes, parameters)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "gate-scanner, a province's API", "version": version("gate-scanner"),
            "description": "The registry, figures and the fleet. Nothing here is of a person: who passed a gate is not in it.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": f"{PREFIX}.NAME.SECRET"}},
        },
    }  # fmt: skip


def _parameter(name: str, schema: dict[str, Any], words: str, *, in_path: bool) -> dict[str, Any]:
    return {"name": name, "in": "path" if in_path else "query", "required": in_path, "description": words, "schema": schema}


def _operation(one: Endpoint, says: dict[str, Any], takes: dict[str, Any] | None, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": _WHERE.format(name=Problem.__name__)}}}
    refusals = {**_ALWAYS, **one.refusals}
    if one.method == "GET":
        del refusals[413]
    made: dict[str, Any] = {
        "summary": one.words, "operationId": one.answer.__name__.strip("_"), "description": f"Needs the scope `{one.scope}`.",
        "parameters": parameters,
        "responses": {
            str(one.status): {"description": "as asked", "content": {"application/json": {"schema": says}}},
            **{str(status): {"description": why, "content": problem} for status, why in sorted(refusals.items())},
        },
    }  # fmt: skip
    if takes is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": takes}}}
    return made
