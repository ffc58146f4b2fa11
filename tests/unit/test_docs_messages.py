"""The messages of docs/troubleshooting.md: each is said by the code, which is called for it here.

``UNCALLED`` are those that only a whole run says; the tests of that run hold them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyinfra.api.exceptions import PyinfraError

from anchorline.authority import Staged, stage
from anchorline.errors import AnchorlineError
from anchorline.fleet import failed, guard, machines
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.steps import Step
from anchorline.problem import Problem
from anchorline.registry import daemon, distribution
from anchorline.registry.observed import FoundContainer, ObservedRegistry
from anchorline.registry.plan import conflicts
from anchorline.report.forms import form_of, require_writable
from anchorline.spec import load
from anchorline.spec.model import DeclaredAuthority, Registry, Spec
from anchorline.spec.values import Endpoint
from anchorline.trust import probe
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.observed import read as read_trust
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.processes import stale
from anchorline.trust.removal.plan import ObservedAnchors, choose, digits
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.merging import Fragment, MergeError
from anchorline.trust.stores.third_party import CONFIGURATIONS
from anchorline.verify.access import Denied
from anchorline.verify.diagnosis import Case, diagnose
from tests.unit import cases
from tests.unit.blue import DEBIAN
from tests.unit.documents import ROOT
from tests.unit.shell import called
from tests.unit.sites import NOW, declare

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
OTHERS = {
    *("sudo: a password is required", "certificate signed by unknown authority", "SSL certificate problem"),
    *("certificate has expired or is not yet valid", "no such host", "Could not resolve host"),
    *("connection refused", "i/o timeout"),
}
"""Said by sudo, openssl, Go and curl, not by us."""


def rows() -> dict[str, list[str]]:
    """The messages of the page, by their heading."""
    found: dict[str, list[str]] = {}
    for part in PAGE.split("\n## ")[1:]:
        cells = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
        found[part.splitlines()[0]] = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return found


def refused(work: Callable[[], object]) -> str:
    """What a call is refused with."""
    with pytest.raises((AnchorlineError, PyinfraError, ValueError)) as caught:
        work()
    return str(caught.value)


def texts(found: Iterable[Problem | str]) -> str:
    return "\n".join(map(str, found))


Said = Iterator[str]


def the_command_line(folder: Path) -> Said:
    for options in ({"no_wait": True}, {"serial": True}, {"dry": True, "yes": True}, {}):
        yield refused(lambda given=options: guard.check_options(given, terminal=False))  # type: ignore[misc]
    yield refused(lambda: form_of(Path("report.doc")))
    yield refused(lambda: require_writable(folder / "none/report.xml"))
    file = folder / failed.NAME
    yield refused(lambda: failed.instead(str(file), []))
    file.touch()
    yield refused(lambda: failed.instead(str(file), [str(file), "--limit", "a"]))
    (folder / "anchorline.yml").write_text("version: 1\nsite: blue\nlimits: {failed: 0%}\n")
    fleet = Fleet(folder / "anchorline.yml", {name: Host(name) for name in "abc"})
    for host in fleet.hosts.values():
        fleet.fail(host, Step.TRUST, Problem("x"))
    yield refused(lambda: fleet.require_few_failures("trust", ()))


SITE = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates: {server: {CN: registry.example.com, hosts: [registry.example.com]}}
registry: {address: registry.example.com, certificate: server}
"""


def nothing_was_changed(folder: Path) -> Said:
    file = folder / "anchorline.yml"
    file.write_text(SITE)
    fleet = Fleet(file, {"registry": Host("registry", ("registry",)), "a": Host("a")})
    fleet.observations["a"] = {"trust": ObservedTrust(("debian",), DEBIAN, marker=(f"ca {'ab12' * 16}",))}
    yield texts(probe.PROBE.preflight(fleet))
    yield refused(lambda: Fleet(file, {"a": Host("a")}).registry_hosts)
    yield str(machines.problem(("a", "b")))
    yield str(daemon.missing())
    yield str(daemon.down("docker"))
    wanted = distribution.instance("blue", Registry(mode="local"))
    theirs = FoundContainer("running", "abc", "red", "")
    yield texts(conflicts(ObservedRegistry("28.0", container=theirs, port="nginx", data="foreign", free=1), wanted))


def the_ca(folder: Path) -> Said:
    def site(name: str) -> Spec:
        (folder / name).mkdir()
        spec = declare(folder / name)
        stage(spec, NOW).commit()
        return spec

    later = NOW + timedelta(days=80)  # when the certificates are due
    other = site("other")

    def changed(name: str, change: Callable[[Path], object]) -> str:
        spec = site(name)
        change(spec.pki)
        return refused(lambda: stage(spec, later).commit())

    yield changed("missing", lambda pki: (pki / "ca.pem").unlink())
    yield changed("keyless", lambda pki: (pki / "ca-key.pem").unlink())
    yield changed("wrong", lambda pki: (pki / "ca-key.pem").write_bytes((other.pki / "ca-key.pem").read_bytes()))
    yield changed("another's", lambda pki: (pki / "ca-key.pem").write_bytes((pki / "server-key.pem").read_bytes()))
    yield changed("open", lambda pki: (pki / "ca-key.pem").chmod(0o644))
    authority = DeclaredAuthority.model_validate({"CN": "Another CA"})
    yield refused(lambda: stage(other.model_copy(update={"authority": authority}), later))
    (folder / "encrypted").mkdir()
    stage(declare(folder / "encrypted"), NOW, passphrase="secret").commit()
    yield refused(lambda: stage(declare(folder / "encrypted"), later).commit())
    yield refused(lambda: stage(declare(folder / "encrypted"), later, passphrase="wrong").commit())
    (folder / "twice").mkdir()
    one, two = (stage(declare(folder / "twice"), NOW) for _ in range(2))
    one.commit()
    yield refused(two.commit)


def trust(folder: Path) -> Said:
    file = folder / "anchorline.yml"
    file.write_text(SITE)
    spec = load(file)
    wanted = DesiredTrust.of(spec, stage(spec))
    (anchor,) = wanted.anchors
    nixos = next(family for family in FAMILIES if family.declared)
    arch = next(family for family in FAMILIES if not family.verified.startswith("real"))
    new = ObservedTrust(("debian",), DEBIAN)
    for has in (
        replace(new, family=None, os_ids=("plan9",)),
        replace(new, family=nixos),
        replace(new, family=arch),
        replace(new, strays=frozenset({"/etc/x/anchorline-y"}), elsewhere={anchor.name: "/x.crt"}),
        replace(new, files={f"{DEBIAN.folder}/anchorline-blue-{'0' * 12}.crt": ""}),
        replace(
            new,
            folders=(("containerd", "/etc/containerd/certs.d"),),
            foreign=frozenset({f"/etc/containerd/certs.d/{wanted.names[0]}/hosts.toml"}),
        ),
    ):
        plan = difference(has, wanted)
        yield texts([plan.problem or "", *plan.notes])
    rancher = next(row for row in CONFIGURATIONS if row.store == "k3s")
    with pytest.raises(MergeError) as caught:
        rancher.merged("configs: {a: {tls: {ca_file: /x.pem}}}\n", Fragment(("a",), "/etc/anchorline/blue.pem"))
    yield str(caught.value)
    yield refused(lambda: read_trust(["os debian", "marker ca x"], "blue"))
    lines = [f"7 {change} host go /system.slice/x.service x" for change in ("add", "remove")]
    yield texts(stale.message(stale.read([*lines, "8 add container go / x"]), ()))
    yield from _trust_shell(folder, anchor.pem)


def _trust_shell(folder: Path, pem: str) -> Said:
    for name in ("anchor", "bundle", "empty"):
        (folder / name).write_text("" if name == "empty" else pem)
    (folder / "links").mkdir()
    (folder / "links/0.0").touch()
    files = ("fleet/shell/files.sh", "fleet/shell/lock.sh", "fleet/shell/pem.sh", "trust/stores/layers.sh")
    inputs = dict.fromkeys(
        ("site", "state", "lock", "folders", "merged", "update", "anchors", "digests", "summary", "hosts_line"), "x"
    )

    def asked(call: str, **layers: str) -> str:
        given = {**inputs, "bundle": str(folder / "bundle"), "links": "", "p11": "", **layers}
        return called(call, *files, "trust/apply.sh", **given)

    ask = f"trusted {folder / 'anchor'}"
    yield asked(ask, bundle=str(folder / "empty"))
    yield asked(ask, p11="false")
    yield asked(ask, links=str(folder / "links"))
    yield asked(
        f"SSL_CERT_FILE={folder / 'empty'} SSL_CERT_DIR={folder / 'none'}; export SSL_CERT_FILE SSL_CERT_DIR; {ask}"
    )
    yield asked("receive </dev/null")
    yield asked(f"printf '@ 644 %s\\nx\\n@ end\\n' {folder / 'none/x'} | (mkdir() {{ :; }}; receive)")
    lock = folder / "lock"
    held = f"mkdir {lock}; exec 8<{lock}; flock -n 8;"
    yield asked(f'{held} locked {lock} 0 "another run is changing this host\'s stores"')


def withdrawal(_: Path) -> Said:
    yield refused(lambda: digits(None))
    known = {
        "a": ObservedAnchors(ObservedTrust((), None, marker=(f"ca {'ab' * 31}cd", f"ca {'ab' * 32}"))),
    }
    yield refused(lambda: choose("cd" * 6, known))
    yield refused(lambda: choose("ab" * 6, known))


def registry(folder: Path) -> Said:
    inputs = {"name": "registry", "image": "registry:3", "data": "/srv", "folder": "/etc/x", "port": "443"}
    for said in (
        "bind: address already in use",
        "manifest unknown",
        "open /certs/server-key.pem: permission denied",
        "mkdir /var/lib/registry/docker: permission denied",
        "configuration error: parsing",
    ):
        yield called(f'cause "{said}"', "registry/shell/wait.sh", leaf="", patience=1, **inputs)
    story = folder / "story"
    fall = f'ran= story={story}; (fall "registry didn\'t get healthy (container exited)" x); cat {story}.cause'
    yield called(fall, "registry/shell/wait.sh", leaf="", patience=1, **inputs)
    unhealthy = f"ran= story={story}; healthy() {{ echo no; return 60; }}; container_state() {{ echo exited 0; }};"
    yield called(
        f"{unhealthy} (get_healthy); cat {story}.cause", "registry/shell/wait.sh", leaf="", patience=1, **inputs
    )
    health = {"folder": "/etc/x", "host": "localhost", "listen": "127.0.0.1", "port": "1", "tls": ""}
    yield called("command() { false; }; healthy", "registry/shell/health.sh", **health)
    image = "image_exists() { false; }; image_load() { :; }; image_names() { echo x; }"
    loaded = f"ran= story={story}; {image}; (get_image); cat {story}.cause"
    sources = ("registry/shell/wait.sh", "registry/shell/image.sh")
    yield called(loaded, *sources, leaf="", patience=1, archive=str(folder / "archive"), **inputs)


def doctor(well: Case, red: Staged) -> Said:
    sees, elsewhere = cases.sees, replace(well, endpoint=Endpoint("other.example.net", 443))
    far, process = timedelta(days=370), stale.Process(7, "add", "host", "go", "/system.slice/docker.service", "dockerd")
    bundle = Denied(frozenset({"debian"}), "/x", "600 of root", "r")
    key = Denied(frozenset({"registry"}), "/x", "600 of root", "r", "7:8")
    container = distribution.instance("blue", Registry(mode="local"))
    for case in (
        sees(well, addresses=()),
        sees(well, addresses=("192.0.2.9",)),
        sees(well, reachability="closed", rules=("inet a b 1",)),
        *(sees(well, reachability=word) for word in ("closed", "refused", "odd")),
        sees(well, proxies=(("docker", "http://proxy:3128", ""),)),
        sees(well, clock=cases.NOW + 9 * far),
        sees(well, served=cases.served(red)),
        *(replace(sees(well, clock=then), now=then) for then in (cases.NOW + far, cases.NOW - far)),
        elsewhere,
        replace(well, leaf="0" * 64),
        sees(well, denied=(bundle,)),
        replace(sees(well, denied=(key,)), container=container),
        sees(well, denied=(replace(bundle, label="a:b"),)),
        replace(well, change=TrustPlan(update="x", what=("system store",))),
        sees(well, curl=60),
        replace(well, change=TrustPlan(what=("docker",))),
        replace(well, stores=("system",), trust=replace(well.trust, stale=(process,))),
    ):
        yield str(diagnose(case))


UNCALLED = {
    "The command line": {
        *("the inventory or --limit matches none", "unreachable", "no answer within", "there is no config.py here"),
    },
    "Refused, and nothing was changed": {"and this script doesn't", ": one run takes one spec"},
    "The CA and its files": {
        *("the key belongs to another user", "stands first and is a CA", "right after it"),
        *("which no CA that hosts trust has issued", "and the registry is reached as", "nothing here renews it"),
        *("don't belong to one chain", "than its pathlen permits", "several CAs have their keys here"),
        *("no key here is that of the CA", "authority section declares another CA", "another run holds it"),
        *("a CA key is here already",),
    },
    "withdraw, distrust": {
        *("the spec still declares", "which ends in this CA", "and what it serves may end in this CA"),
        *("still trusted, not by us", "which isn't ours: take that away too", "still holds it after"),
    },
    "registry": {
        *("(registry: archive), and", "another run is changing the registry", "keeping the files of before"),
    },
    "verify": {"not verified: the step registry failed"},
    "doctor": {"so there is nothing to hold a host against"},
}


@pytest.fixture
def said(tmp_path: Path, well: Case, red_ca: Staged) -> Mapping[str, str]:
    """What the code says when it is called, by the page's headings."""
    every: dict[str, Callable[[Path], Said]] = {
        "The command line": the_command_line,
        "Refused, and nothing was changed": nothing_was_changed,
        "The CA and its files": the_ca,
        "trust": trust,
        "withdraw, distrust": withdrawal,
        "registry": registry,
        "doctor": lambda _: doctor(well, red_ca),
    }
    found = {}
    for number, (heading, work) in enumerate(every.items()):
        (tmp_path / str(number)).mkdir()
        found[heading] = "\n".join(work(tmp_path / str(number)))
    return found


def unsaid(page: Mapping[str, Iterable[str]], said: Mapping[str, str]) -> list[str]:
    """The messages of a page that the code doesn't say under their heading."""
    return [
        f"{heading}: {each}"
        for heading, messages in page.items()
        for each in messages
        if each not in OTHERS | UNCALLED.get(heading, set()) and each not in said.get(heading, "")
    ]


def test_each_message_is_what_the_code_says(said: Mapping[str, str]) -> None:
    assert sum(map(len, rows().values())) >= 100
    assert unsaid(rows(), said) == []
    assert unsaid({"trust": ["no row for this syste", "no row for that system"]}, said) == [
        "trust: no row for that system"
    ]


def test_what_is_not_called_is_on_the_page_and_is_not_said(said: Mapping[str, str]) -> None:
    """So that the list can't outlive its reason."""
    for heading, messages in UNCALLED.items():
        assert messages <= {*rows()[heading]}
        assert [each for each in messages if each in said.get(heading, "")] == []
    assert {each for messages in rows().values() for each in messages} >= OTHERS
