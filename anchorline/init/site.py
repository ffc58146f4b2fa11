"""The files of a site's folder, from what was answered. Pure but for the files that are taken as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from anchorline.authority import disk
from anchorline.commands import SPEC
from anchorline.errors import AnchorlineError
from anchorline.init.answers import Answers
from anchorline.init.cfssl import Cfssl
from anchorline.render import FOLDERS, render
from anchorline.spec.values import Name

SCHEMA = "anchorline.schema.json"
OURS = ("deploy.py", "config.py", "group_data/registry.py", "group_data/clients.py", "pki/.gitignore")
"""What a checkout has at its top, and a wheel below its templates (pyproject.toml): a site gets the same."""
_HOMES = (FOLDERS[0] / "site", FOLDERS[1].parent)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_BESIDE = re.compile(r"^( *[^#\s].*?) +# ", re.MULTILINE)
"""A line with a comment beside it: they are put below each other, however long the values are."""
# second levels below which strangers register their domains, as in co.uk
_SHARED = frozenset({"ac", "co", "com", "edu", "gob", "gov", "go", "ne", "net", "or", "org"})
LONGEST_CN = 64
"""RFC 5280 A.1: ub-common-name."""


def own(file: str) -> bytes:
    """One of ``OURS``."""
    return next((home / file).read_bytes() for home in _HOMES if (home / file).is_file())


def files(answers: Answers, cfssl: Cfssl | None = None) -> dict[str, bytes]:
    """Each file's content, by its path in the site's folder. Raises AnchorlineError where two want the same path."""
    # the schema's types are slow to build, and this is the one place that asks for them
    from anchorline.spec.schema import schema

    made = {each: own(each) for each in OURS}
    made[".gitignore"] = render("site/gitignore.j2").encode()
    made[SPEC] = spec(answers, cfssl).encode()
    made[SCHEMA] = f"{json.dumps(schema(), indent=2)}\n".encode()
    made["inventory/hosts.py"] = inventory(answers).encode()
    made["group_data/all.py"] = render(
        "site/all.py.j2", user=json.dumps(answers.user), sudo=answers.user != "root"
    ).encode()
    for path in (*([answers.ca] if answers.ca else []), *(cfssl.files if cfssl else ())):
        if path.name in made or not path.name.isprintable():
            raise AnchorlineError(f"{str(path)!r}: no file of a site can be called so", "rename it")
        made[path.name] = disk.read(path)
    return made


def spec(answers: Answers, cfssl: Cfssl | None = None) -> str:
    """``anchorline.yml``, with a line about each key."""
    registry, (name, *aliases) = answers.registry, answers.ways or ("",)
    text = render(
        "site/anchorline.yml.j2",
        site=answers.site,
        cfssl=cfssl
        and {
            "authority": scalar(cfssl.authority.name),
            "signing": scalar(cfssl.signing.name),
            "request": scalar(cfssl.request.name),
            "profile": scalar(cfssl.profile),
        },
        ca=scalar(answers.ca.name) if answers.ca else None,
        authority_cn=scalar(_authority_cn(answers.site, name)),
        permitted_dns=scalar(domain(name) if isinstance(name, str) else "invalid"),
        permitted_ips=[scalar(each) for each in _ranges(answers.ways)],
        certificate_cn=scalar(name) if isinstance(name, str) and len(name) <= LONGEST_CN else None,
        hosts=[scalar(each) for each in answers.ways],
        registry=scalar(registry) if registry else None,
        aliases=[scalar(each) for each in aliases],
        hosts_entry=scalar(answers.ip) if answers.ip else None,
    )
    return _BESIDE.sub(lambda line: f"{line[1]:<36}  # ", text)


def inventory(answers: Answers) -> str:
    """``inventory/hosts.py``: the registry's host by its name, reached at its address where DNS doesn't know it."""
    registry = []
    if answers.registry:
        host = json.dumps(str(answers.registry.host))
        registry = [f'({host}, {{"ssh_hostname": "{answers.ip}"}})' if answers.ip else host]
    return render("site/hosts.py.j2", registry=registry, clients=[json.dumps(str(each)) for each in answers.others])


def scalar(value: object) -> str:
    """A value as YAML writes it, in quotes where it must have them."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def domain(name: str) -> str:
    """What a CA for this name may vouch for: the domain around it, or the name alone where others live there too."""
    parent = name.partition(".")[2]
    labels = parent.split(".")
    shared = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SHARED
    return name if len(labels) < 2 or shared else parent


def _authority_cn(site: str, name: Name) -> str:
    whose = f"{domain(name)} {site} CA" if isinstance(name, str) and name else f"{site} CA"
    return whose if len(whose) <= LONGEST_CN else f"{site} CA"


def _ranges(ways: Iterable[Name]) -> list[str]:
    """The registry's own addresses, and the least that there is of a family that has none."""
    own_ones = [each for each in ways if not isinstance(each, str)]
    least = {4: "127.0.0.1/32", 6: "::1/128"}
    missing = [least[version] for version in least if version not in {each.version for each in own_ones}]
    return [f"{each}/{each.max_prefixlen}" for each in own_ones] + missing
