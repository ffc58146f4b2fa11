"""The nearest word: one helper for keys and values of the spec, names, commands and options."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchorline.spec import check
from anchorline.spec.words import meant, nearest

KNOWN = ("server", "client", "peer", "gitlab-runner")
SPEC = """
version: 1
site: blue
authority: {{CN: Blue}}
signing: {{profiles: {{server: {{usages: [{usage}]}}}}}}
certificates: {{server: {{profile: {profile}, hosts: [hub.example.com]}}}}
registry: {{address: hub.example.com, certificate: {certificate}}}
trust: {{stores: [{store}]}}
{key}: {{push: one}}
"""
RIGHT = {"usage": "server auth", "profile": "server", "certificate": "server", "store": "docker", "key": "verify"}


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("servr", "server"),
        ("SERVER", "server"),
        ("gitlab_runner", "gitlab-runner"),
        ("xylophone", None),
        ("", None),
        ("s", None),
        ("x" * 10_000, None),
        ("сервер", None),
    ],
)
def test_the_nearest_word(word: str, near: str | None) -> None:
    assert nearest(word, KNOWN) == near
    assert meant(word, KNOWN).startswith("did you mean" if near else "known here: client, gitlab-runner, peer")
    assert meant(word, ()) == ""


@pytest.mark.parametrize(
    ("part", "near"),
    [("usage", "sever auth"), ("profile", "sevrer"), ("certificate", "servr"), ("store", "dokcer"), ("key", "verfy")],
)
def test_every_word_of_a_spec_that_can_be_mistyped(part: str, near: str, tmp_path: Path) -> None:
    file = tmp_path / "anchorline.yml"
    for word, suggested in ((near, True), ("xylophone", False)):
        file.write_text(SPEC.format(**RIGHT | {part: word}))
        said = [each.fix for each in check(file).errors]
        assert [fix == f"did you mean `{RIGHT[part]}`?" for fix in said] == [suggested], said
    file.write_text(SPEC.format(**RIGHT))
    assert check(file).errors == ()
