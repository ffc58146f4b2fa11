"""The three files of a cfssl user, found by their names or by what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchorline.authority.disk import LARGEST, refusals
from anchorline.errors import AnchorlineError
from anchorline.problem import Place
from anchorline.spec.names import is_loopback
from anchorline.spec.source import read
from anchorline.spec.values import Name, parse_name

NAMES = {
    "authority": ("ca-csr.json",),
    "signing": ("ca-config.json", "ca.config"),
    "request": ("server-csr.json",),
}
"""What cfssl's own documentation calls them; also what an error calls them."""
_OF_A_CA = re.compile(r"(^|[^a-z])(ca|root)([^a-z]|$)", re.IGNORECASE)
_OF_A_SERVER = re.compile(r"server|registry", re.IGNORECASE)
Documents = Mapping[Path, Mapping[str, Any]]


@dataclass(frozen=True)
class Cfssl:
    """``names``: what people can type for the registry, from the request's ``hosts``, the best one first."""

    authority: Path
    signing: Path
    request: Path
    profile: str
    names: tuple[Name, ...]
    has_keys: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """The three, which a site takes as they are."""
        return self.authority, self.signing, self.request


def find(folder: Path) -> Cfssl:
    """Find the three files in a folder. Raises AnchorlineError where one is missing, or more than one could be it."""
    documents = dict(_documents(folder))
    left = dict(documents)
    found = {part: _take(folder, part, left) for part in NAMES}
    request = documents[found["request"]]
    return Cfssl(
        **found,
        profile=_profile(documents[found["signing"]]),
        names=_names(request.get("hosts")),
        has_keys=any(folder.glob("*-key.pem")),
    )


def _documents(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """What may be one of the three. A file that has one's name is never passed over, so that its errors are said."""
    named = {name for names in NAMES.values() for name in names}
    with refusals(folder):
        files = sorted(each for each in folder.iterdir() if each.is_file() and each.stat().st_size <= LARGEST)
    for file in files:
        document, problems = read(file)
        if document is None and file.name in named:
            raise AnchorlineError.of(problems)
        if document and {"CN", "signing"} & document.data.keys() and "site" not in document.data:
            yield file, document.data


def _take(folder: Path, part: str, left: dict[Path, Mapping[str, Any]]) -> Path:
    """The file that is this part, which is none of the other parts then."""
    found = [each for each in left if each.name in NAMES[part]] or _alike(part, left)
    if len(found) != 1:
        name = NAMES[part][0]
        if not found:
            raise AnchorlineError(
                f"nothing here is cfssl's {name}, by its name or by what is in it", where=Place(folder)
            )
        files = ", ".join(each.name for each in found)
        raise AnchorlineError(f"which one is cfssl's {name}? {files}", f"call that one {name}", Place(folder))
    del left[found[0]]
    return found[0]


def _alike(part: str, left: Documents) -> list[Path]:
    if part == "signing":
        return [each for each, data in left.items() if "signing" in data]
    requests = {each: data for each, data in left.items() if "CN" in data}
    if part == "authority":
        # `ca` is in no request but a CA's; else the name tells
        return [each for each, data in requests.items() if "ca" in data] or [
            each for each in requests if _OF_A_CA.search(each.stem)
        ]
    if len(requests) == 1:
        return list(requests)
    return [each for each in requests if _OF_A_SERVER.search(each.stem)] or list(requests)


def _profile(data: Mapping[str, Any]) -> str:
    """The profile of servers: the one that is called so, else the first that has the usage."""
    signing = data.get("signing")
    profiles = signing.get("profiles") if isinstance(signing, dict) else None
    fit = [
        str(name)
        for name, each in (profiles.items() if isinstance(profiles, dict) else ())
        if isinstance(each, dict) and "server auth" in (each.get("usages") or ())
    ]
    return "server" if "server" in fit else next(iter(fit), "default")


def _names(hosts: Any) -> tuple[Name, ...]:
    """DNS names before addresses, without what no client can type: wildcards, and the loopback."""
    names: list[Name] = []
    for host in hosts if isinstance(hosts, list) else ():
        try:
            name = parse_name(host)
        except ValueError:
            continue  # the check says it, with its line
        if not is_loopback(name) and not (isinstance(name, str) and name.startswith("*")):
            names.append(name)
    return tuple(sorted(dict.fromkeys(names), key=lambda name: not isinstance(name, str)))
