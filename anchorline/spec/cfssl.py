"""cfssl's JSON files in place of parts of the spec, read as they are.

========================  =======================================  ================================
in the spec               the file                                 becomes
========================  =======================================  ================================
``authority: PATH``       ``ca-csr.json``: CN, key, names, ca      ``authority``
``signing: PATH``         ``ca-config.json``: signing              ``signing``
``csr: PATH`` in an       ``server-csr.json``: CN, hosts, key,     the entry, beside its ``profile``
entry of certificates     names
========================  =======================================  ================================

Source: cfssl's csr/csr.go and config/config.go. What cfssl would drop in silence is a problem here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from anchorline.problem import Problem
from anchorline.spec.source import Document, Loc, read
from anchorline.spec.values import clip
from anchorline.spec.words import unknown_key

DEFAULT_AUTHORITY_EXPIRY = "43800h"  # initca/initca.go: what a CA gets whose csr gives no expiry

_REQUEST = ("CN", "hosts", "key", "names")


def resolve(spec: Document, folder: Path) -> list[Problem]:
    """Put the content of every cfssl file that a spec names in the place of its path."""
    problems: list[Problem] = []
    if isinstance(spec.data.get("authority"), str):
        problems += _insert(spec, ("authority",), folder, (*_REQUEST, "ca"))
    if isinstance(spec.data.get("signing"), str):
        problems += _insert(spec, ("signing",), folder, ("signing",), below=("signing",))
    certificates = spec.data.get("certificates")
    for name, entry in certificates.items() if isinstance(certificates, dict) else ():
        if isinstance(entry, dict) and "csr" in entry:
            loc = ("certificates", name)
            problems += _beside_csr(spec, loc, entry)
            problems += _insert(spec, (*loc, "csr"), folder, _REQUEST)
            entry |= entry.pop("csr", {})
            spec.graft(loc, spec, (*loc, "csr"))
    return problems


def _beside_csr(spec: Document, loc: Loc, entry: dict[str, Any]) -> list[Problem]:
    """Only ``profile`` may stand beside ``csr``. What else does is refused and removed."""
    problems = []
    for key in [key for key in entry if key not in ("csr", "profile")]:
        place = spec.place((*loc, key))
        if key in _REQUEST:
            problems.append(Problem("stands beside `csr`, which gives it", "remove one of them", place))
        else:
            problems.append(unknown_key(place, key, ("csr", "profile")))
        del entry[key]
    return problems


def _insert(spec: Document, loc: Loc, folder: Path, known: tuple[str, ...], below: Loc = ()) -> list[Problem]:
    """Replace the path at ``loc`` by what its file says from ``below`` on; by nothing where that can't be read."""
    *way, last = loc
    parent: Any = spec.data
    for step in way:
        parent = parent[step]
    path = parent.pop(last)
    if not isinstance(path, str):
        return [Problem("isn't a path", "write the path of a cfssl JSON file", spec.place(loc))]
    document, problems = read(folder / path)
    if document is None:
        here = spec.place(loc)
        return [
            each if each.place.line else replace(each, where=here, cause=f"{clip(path)} {each.cause}")
            for each in problems
        ]
    for key in [key for key in document.data if key not in known]:
        problems.append(unknown_key(document.place((key,)), key, known))
        del document.data[key]
    content: Any = document.data
    for step in below:
        if step not in content:
            return [*problems, Problem(f"`{step}` is missing", "is it cfssl's ca-config.json?", document.place(()))]
        content = content[step]
    if not isinstance(content, dict):
        return [*problems, Problem("isn't a mapping", "is it cfssl's ca-config.json?", document.place(below))]
    problems += _adapt(document, content, authority="ca" in known)
    parent[last] = content
    spec.graft(loc, document, below)
    return problems


def _adapt(file: Document, content: dict[str, Any], *, authority: bool) -> list[Problem]:
    """Say in the spec's words what cfssl says differently."""
    names = content.get("names")
    if isinstance(names, list):
        # cfssl takes an empty part of a subject for none at all
        content["names"] = [
            {key: value for key, value in each.items() if value != ""} if isinstance(each, dict) else each
            for each in names
        ]
    if not authority:
        return []
    life = content.setdefault("ca", {})
    if not isinstance(life, dict):
        return []
    life.setdefault("expiry", DEFAULT_AUTHORITY_EXPIRY)
    zero = life.pop("pathlenzero", "false")
    if zero not in ("true", "false"):
        return [Problem("is neither true nor false", where=file.place(("ca", "pathlenzero")))]
    if zero == "true" and life.get("pathlen", "0") != "0":
        return [Problem("contradicts `pathlen`", "keep one of them", file.place(("ca", "pathlenzero")))]
    return []
