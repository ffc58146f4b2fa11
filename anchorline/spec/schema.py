"""The JSON Schema of the spec, for editors: the models', and what the file takes beyond them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from anchorline.spec.model import Spec
from anchorline.spec.values import Endpoint, format_duration


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """A default as a file writes it."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Endpoint):
            return str(dft)
        return f"{dft:.0%}" if isinstance(dft, float) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as plain data."""
    models = Spec.model_json_schema(schema_generator=_Generator)
    definitions = models["$defs"]
    properties = models["properties"]
    properties["authority"] = {
        "description": properties["authority"]["description"],
        "anyOf": [
            _path("ca-csr.json"),
            {"$ref": "#/$defs/DeclaredAuthority"},
            {"$ref": "#/$defs/ExistingAuthority"},
        ],
    }
    properties["signing"] = {"anyOf": [_path("ca-config.json"), {"$ref": "#/$defs/Signing"}]}
    properties["certificates"]["additionalProperties"] = {
        "anyOf": [{"$ref": f"#/$defs/{each}"} for each in ("CertificateRequest", "CfsslRequest", "ExistingCertificate")]
    }
    definitions["CfsslRequest"] = {
        "type": "object",
        "description": "A certificate whose request is a cfssl file.",
        "properties": {
            "csr": _path("server-csr.json"),
            "profile": definitions["CertificateRequest"]["properties"]["profile"],
        },
        "required": ["csr"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_plain(models),
        "title": "anchorline.yml",
    }


def _path(file: str) -> dict[str, Any]:
    return {"type": "string", "description": f"The path of a cfssl {file}.", "examples": [file]}


def _plain(part: Any) -> Any:
    """Without titles, which repeat the key, and without null: a key is left out instead."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("default", ...) is None:
        part = {key: value for key, value in part.items() if key != "default"}
    if {"type": "null"} in part.get("anyOf", ()):
        (other,) = (each for each in part["anyOf"] if each != {"type": "null"})
        part = {**other, **{key: value for key, value in part.items() if key != "anyOf"}}
    return {key: _plain(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))}
