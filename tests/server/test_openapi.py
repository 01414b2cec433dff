"""The OpenAPI document says what the server does: each operation is asked for real and compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.support.served_bundles import LiveServer

SEGMENT = "/bundles/tiny/video/v180/00001.m4s"

# (method, path in the document, address, request headers, expected status)
REQUESTS: list[tuple[str, str, str, dict[str, str], int]] = [
    ("get", "/healthz", "/healthz", {}, 200),
    ("get", "/readyz", "/readyz", {}, 200),
    ("get", "/api/metrics", "/api/metrics", {}, 200),
    ("get", "/api/sessions", "/api/sessions?x=1", {}, 200),
    ("get", "/api/bundles", "/api/bundles", {}, 200),
    ("get", "/api/bundles/{name}", "/api/bundles/tiny", {}, 200),
    ("get", "/api/bundles/{name}", "/api/bundles/shows/pilot", {}, 200),
    ("get", "/api/bundles/{name}", "/api/bundles/none", {}, 404),
    ("get", "/bundles/{path}", SEGMENT, {}, 200),
    ("get", "/bundles/{path}", SEGMENT, {"Range": "bytes=0-9"}, 206),
    ("get", "/bundles/{path}", SEGMENT, {"If-None-Match": "*"}, 304),
    ("get", "/bundles/{path}", "/bundles/none", {}, 404),
    ("get", "/bundles/{path}", SEGMENT, {"Range": "bytes=9999-"}, 416),
    ("get", "/bundles/{path}", SEGMENT, {"If-Match": '"x"'}, 412),
    ("head", "/bundles/{path}", SEGMENT, {}, 200),
    ("head", "/bundles/{path}", SEGMENT, {"If-Match": '"x"'}, 412),
    ("head", "/bundles/{path}", SEGMENT, {"If-None-Match": "*"}, 304),
    ("head", "/bundles/{path}", "/bundles/none", {}, 404),
]


@pytest.fixture(scope="module")
def openapi(tiny_server: LiveServer) -> dict[str, Any]:
    return httpx.get(f"{tiny_server.url}/openapi.json").json()


@pytest.mark.parametrize(
    ("method", "path", "address", "headers", "status"), REQUESTS, ids=lambda value: str(value)[:40]
)
def test_an_answer_is_as_described(
    tiny_server: LiveServer,
    openapi: dict[str, Any],
    method: str,
    path: str,
    address: str,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = httpx.request(method, tiny_server.url + address, headers=headers)
    assert answer.status_code == status
    described = openapi["paths"][path][method]["responses"][str(status)]
    for name in described.get("headers", {}):
        assert name in answer.headers
    content = described.get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if method == "get" and status in (200, 206, 404):
        assert media_type in content or "*/*" in content
    if "application/json" in content and method == "get":
        check(answer.json(), content["application/json"]["schema"], openapi)


def test_nothing_described_was_left_out_here(openapi: dict[str, Any]) -> None:
    described = {
        (method, path, status)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }
    asked = {(method, path, str(status)) for method, path, _, _, status in REQUESTS}
    # Nobody takes the folder away from a server that other tests use: test_operation does it to one of its own.
    asked.add(("get", "/readyz", "503"))
    assert described == asked


def test_every_operation_has_its_own_id_and_path_parameters(openapi: dict[str, Any]) -> None:
    operations = [(p, o) for p, methods in openapi["paths"].items() for o in methods.values()]
    assert len({operation["operationId"] for _, operation in operations}) == len(operations)
    for path, operation in operations:
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


def test_a_checker_that_accepts_anything_would_be_noticed(openapi: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Health"}
    check({"status": "ok", "bundles": 1}, schema, openapi)
    for wrong in ({"status": "ok"}, {"status": "ok", "bundles": "1"}, {"status": "ok", "bundles": 1, "more": 1}, []):
        with pytest.raises(AssertionError):
            check(wrong, schema, openapi)


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def check(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    """`value` fits `schema`, and has no property that it does not name: the part of JSON Schema in use here."""
    if "$ref" in schema:
        check(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    elif "anyOf" in schema:
        assert any(fits(value, option, document) for option in schema["anyOf"]), (value, schema)
    elif schema["type"] == "object":
        assert isinstance(value, dict)
        assert set(schema.get("required", [])) <= set(value)
        others = schema.get("additionalProperties")
        for name, inner in value.items():
            assert name in schema.get("properties", {}) or others, name
            check(inner, schema.get("properties", {}).get(name, others), document)
    elif schema["type"] == "array":
        assert isinstance(value, list)
        for inner in value:
            check(inner, schema["items"], document)
    else:
        assert isinstance(value, TYPES[schema["type"]]), (value, schema)


def fits(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    try:
        check(value, schema, document)
    except AssertionError:
        return False
    return True
