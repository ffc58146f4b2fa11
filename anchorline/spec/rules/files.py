"""Rules about the files that a spec names, and about the spec itself as a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anchorline.spec.model import ExistingAuthority, Spec
from anchorline.spec.rules.rule import Finding, rule
from anchorline.spec.source import Loc
from anchorline.spec.values import clip


def _fault(path: Path) -> str | None:
    try:
        if path.is_dir():
            return "is a folder"
        if not path.exists():
            return "doesn't exist"
        if not path.is_file():
            return "isn't a regular file"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return None if os.access(path, os.R_OK) else "can't be read: permission denied"


@rule("ANC131")
def missing_file(spec: Spec) -> Iterator[Finding]:
    """A PEM file of the authority, of a certificate or of `trust.also` doesn't exist or can't be read."""
    named: list[tuple[Loc, Path]] = [(("trust", "also", index), path) for index, path in enumerate(spec.trust.also)]
    if isinstance(spec.authority, ExistingAuthority):
        named.append((("authority", "certificate"), spec.authority.certificate))
        if spec.authority.key:
            named.append((("authority", "key"), spec.authority.key))
    # no key of these: only the machine that serves them has to have it
    named += [(("certificates", name, "certificate"), each.certificate) for name, each in spec.external.items()]
    for loc, path in named:
        if fault := _fault(spec.path(path)):
            yield Finding(loc, f"{clip(spec.path(path))} {fault}", "paths start at the spec's folder")


@rule("ANC231")
def missing_archive(spec: Spec) -> Iterator[Finding]:
    """The `archive` doesn't exist or can't be read; the image must then be on the registry's host, or be pulled."""
    if spec.registry and spec.registry.archive and (fault := _fault(spec.path(spec.registry.archive))):
        path = spec.path(spec.registry.archive)
        yield Finding(("registry", "archive"), f"{clip(path)} {fault}", "put it there, or remove the line")


@rule("ANC232")
def written_twice(spec: Spec) -> Iterator[Finding]:
    """A list holds the same value twice."""
    for loc, values in _lists(spec):
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Finding((*loc, index), f"{clip(value)} stands here twice", "remove one of them")


def _lists(spec: Spec) -> Iterator[tuple[Loc, tuple[Any, ...]]]:
    for name, request in spec.requests.items():
        yield ("certificates", name, "hosts"), request.hosts
    yield ("signing", "default", "usages"), spec.signing.default.usages
    for name, profile in spec.signing.profiles.items():
        yield ("signing", "profiles", name, "usages"), profile.usages
    if spec.registry:
        yield ("registry", "aliases"), spec.registry.aliases
    yield ("trust", "stores"), spec.trust.stores
    yield ("trust", "also"), spec.trust.also
    yield ("ignore",), spec.ignore
