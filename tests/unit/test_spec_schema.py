"""The schema, the models and the annotated spec name the same keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from anchorline.spec.schema import schema

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "anchorline.yml").read_text(encoding="utf-8")
# shown in another way: hosts is read for cfssl's files, and no CA uses it; the parts of a subject stand at the CA
ELSEWHERE = {
    "authority.hosts",
    "certificates.*.csr",
    *(f"certificates.*.names.{part}" for part in ("C", "ST", "L", "OU")),
}


def _keys(part: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every key path that a part of the schema takes; ``*`` is a name that the user chooses."""
    for name in ("anyOf", "oneOf"):
        for each in part.get(name, ()):
            yield from _keys(each, path)
    if "$ref" in part:
        yield from _keys(schema()["$defs"][part["$ref"].rpartition("/")[2]], path)
    if isinstance(part.get("additionalProperties"), dict):
        yield from _keys(part["additionalProperties"], f"{path}.*")
    if "items" in part:
        yield from _keys(part["items"], path)
    for key, value in part.get("properties", {}).items():
        yield f"{path}.{key}".lstrip(".")
        yield from _keys(value, f"{path}.{key}")


def _written(data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, list):
        for each in data:
            yield from _written(each, path)
    elif isinstance(data, dict):
        for key, value in data.items():
            chosen = path in ("certificates", "signing.profiles")
            here = f"{path}.{'*' if chosen else key}".lstrip(".")
            if not chosen:
                yield here
            yield from _written(value, here)


def test_the_annotated_spec_shows_every_key_there_is() -> None:
    shown = set(_written(yaml.safe_load(SHIPPED)))
    # the other kinds of authority and of certificate stand there as comments
    heads = ("# authority:", "# certificates:", "#   ")
    comment = [line[2:] for line in SHIPPED.splitlines() if line.startswith(heads)]
    shown |= set(_written(yaml.safe_load("\n".join(comment))))
    assert "`csr: PATH`" in SHIPPED
    assert set(_keys(schema())) - shown == ELSEWHERE
    assert shown <= set(_keys(schema()))


def test_every_line_of_the_annotated_spec_that_opens_a_key_is_explained() -> None:
    bare = [line.split(":")[0].strip() for line in SHIPPED.splitlines() if ":" in line and "#" not in line]
    assert bare == ["server", "client", "peer"]  # the three profiles


def test_the_checked_in_schema_is_current() -> None:
    assert json.loads((ROOT / "anchorline.schema.json").read_text(encoding="utf-8")) == schema()
    assert SHIPPED.startswith("# yaml-language-server: $schema=anchorline.schema.json\n")


def test_the_command_prints_it() -> None:
    command = [str(Path(sys.executable).with_name("anchorline")), "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "anchorline.schema.json").read_text(encoding="utf-8")


def test_every_key_has_a_description() -> None:
    definitions = schema()["$defs"]
    for name, model in [("Spec", schema()), *definitions.items()]:
        for key, value in model["properties"].items():
            parts = [value, *value.get("anyOf", ())]
            parts += [definitions[each["$ref"].rpartition("/")[2]] for each in parts if "$ref" in each]
            assert any("description" in each for each in parts) or (name, key) == ("Spec", "version"), (name, key)


@pytest.mark.parametrize("word", ["null", "folder", "title"])
def test_what_the_file_has_no_word_for(word: str) -> None:
    assert f'"{word}"' not in json.dumps({**schema(), "title": ""}).replace('"title": ""', "")


def test_defaults_are_written_as_a_file_writes_them() -> None:
    definitions = schema()["$defs"]
    assert definitions["Registry"]["properties"]["address"]["default"] == "localhost:5000"
    assert definitions["AuthorityLife"]["properties"]["expiry"]["default"] == "87600h"
    assert definitions["Limits"]["properties"]["failed"]["default"] == "30%"
