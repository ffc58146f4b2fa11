"""Withdraw and distrust by the real command line over @fake hosts, and their script over a folder."""

from __future__ import annotations

import re
import shlex
from hashlib import sha256
from pathlib import Path

import pytest

from anchorline.authority import Anchor, Staged, stage
from anchorline.fleet.scripts import REMEMBERED, Value, script, stdin
from anchorline.spec import load
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.processes.stale import Stamps
from anchorline.trust.removal.plan import ObservedAnchors, removal
from anchorline.trust.scripts import Layers, Withdraw
from anchorline.trust.stores.families import FAMILIES

from .folder import Plays, System
from .site import END, LOOK, SPEC, Ran, Site

TRUST = "version: 1\nsite: blue\nauthority: {CN: Blue CA}\n"
OLD = "version: 1\nsite: blue\nauthority: {CN: Old CA}\n"


@pytest.fixture
def old(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    file = tmp_path_factory.mktemp("old") / "anchorline.yml"
    file.write_text(OLD)
    return stage(load(file)).anchors[0]


def holds(site: Site, host: str, *anchors: Anchor, served: str = "") -> None:
    lines = ["=== withdrawal", "os debian", "family debian"]
    for anchor in anchors:
        body = "".join(anchor.pem.splitlines()[1:-1])
        lines += [f"certificate {body} {FAMILIES[0].path(anchor.name)}", f"marker ca {anchor.sha256}"]
    lines += [f"served {''.join(served.splitlines()[1:-1])}"] * bool(served)
    site.answers[host] = {LOOK: {"stdout": [*lines, END]}, "untrusted": {"stdout": []}}


def verb(site: Site, ca: str, *options: str, name: str = "withdraw") -> Ran:
    return site.run(*(options or ["-y"]), "--data", f"ca={ca}", "inventory", f"anchorline.trust.{name}")


@pytest.fixture
def own(site: Site) -> Staged:
    """The site has its CA, and its key isn't here."""
    site.write(TRUST)
    staged = site.commit()
    (site.pki / "blue/ca-key.pem").unlink()
    return staged


@pytest.mark.usefixtures("own")
def test_one_look_and_one_change(site: Site, old: Anchor) -> None:
    holds(site, "registry", old)
    holds(site, "a", old)
    holds(site, "b")
    before = site.trace()
    plan = verb(site, old.sha256[:12], "--dry")
    assert plan.code == 0, plan.said
    assert f"would change withdrawn: CN=Old CA ({old.sha256[:12]}) from system store" in plan.summary("a")
    assert plan.counts == dict.fromkeys(("registry", "a", "b"), 1)
    ran = verb(site, old.sha256[:12])
    assert ran.code == 0, ran.said
    assert ran.counts == {"registry": 2, "a": 2, "b": 1}
    assert ran.summary("b") == "@fake/b as declared"
    assert site.trace() == before


def test_the_spec_still_declares_it(site: Site, own: Staged) -> None:
    holds(site, "registry", *own.anchors)
    ran = verb(site, own.anchors[0].sha256)
    assert ran.code == 1
    assert "the spec still declares CN=Blue CA" in ran.said
    assert ran.counts == {"registry": 1}
    emergency = verb(site, own.anchors[0].sha256, name="distrust")
    assert emergency.code == 0, emergency.said
    assert emergency.summary("registry").startswith("@fake/registry changed distrusted: CN=Blue CA")


@pytest.mark.usefixtures("own")
def test_half_a_certificate_on_one_host_hinders_nobody(site: Site, old: Anchor) -> None:
    holds(site, "a", old)
    holds(site, "registry", old)
    lines = site.answers["a"][LOOK]["stdout"]
    lines[:] = [f"{line[:100]} {line.rpartition(' ')[2]}" if line.startswith("certificate") else line for line in lines]
    assert lines != site.answers["registry"][LOOK]["stdout"], "or this proves nothing"
    ran = verb(site, old.sha256)
    assert ran.code == 0, ran.said
    assert ran.counts == {"registry": 2, "a": 2}


@pytest.mark.usefixtures("own")
def test_unknown_digits(site: Site, old: Anchor) -> None:
    holds(site, "a", old)
    for word in ("0" * 12, "rubbish", ""):
        ran = verb(site, word)
        assert (ran.code, ran.counts) == (1, {"a": 1}), ran.said
        assert "Traceback" not in ran.said
    assert f"{old.sha256} (@fake/a)" in verb(site, "0123456789ab").said
    again = verb(site, "f" * 64)
    assert (again.code, again.counts) == (0, {"a": 1}), "what is gone already is well"


@pytest.mark.usefixtures("own")
def test_a_host_that_claims_a_ca_of_the_same_digits(site: Site, old: Anchor) -> None:
    holds(site, "a", old)
    holds(site, "liar")
    claimed = f"{old.sha256[:63]}{'1' if old.sha256[63] == '0' else '0'}"
    site.answers["liar"][LOOK]["stdout"].insert(-1, f"marker ca {claimed}")
    ran = verb(site, old.sha256[:12])
    assert (ran.code, ran.counts) == (1, {"a": 1, "liar": 1})
    assert f"several CAs begin with {old.sha256[:12]}" in ran.said
    assert f"{claimed} (@fake/liar)" in ran.said
    assert "give more digits of the one that shall go, or all 64" in ran.said
    whole = verb(site, old.sha256)
    assert (whole.code, whole.counts) == (0, {"a": 2, "liar": 1}), whole.said


def test_a_chain_that_is_served_holds_it(site: Site) -> None:
    staged = site.commit()
    [anchor] = staged.anchors
    leaf = staged.certificate("server").pem
    site.write(SPEC.replace("Blue CA", "Next CA").replace("site: blue", "site: blue\nignore: []"))
    (site.pki / "blue").rename(site.folder / "away")
    holds(site, "registry", anchor, served=leaf)
    holds(site, "a", anchor)
    ran = verb(site, anchor.sha256)
    assert ran.code == 1
    assert "serves CN=registry.example.com, which ends in this CA, and @fake/a, @fake/registry trust it" in ran.said
    (emergency,) = re.findall(r"in an emergency, pyinfra (.*)", ran.said)
    anyway = site.run("-y", *shlex.split(emergency))
    assert anyway.code == 0, f"that its certificate ends in it is what the registry's host says: {anyway.said}"
    holds(site, "registry", anchor)
    assert verb(site, anchor.sha256).code == 0, "the control: nothing that is served ends in it"
    site.answers["registry"] = {"down": {}}
    said = verb(site, anchor.sha256).said
    assert "wasn't looked at, and what it serves may end in this CA" in said
    assert re.findall(r"in an emergency, pyinfra (.*)", said) == [emergency]


@pytest.fixture
def rolled(plays: Plays, shell: list[str], tmp_path: Path) -> tuple[System, DesiredTrust]:
    """A host that was made to trust a CA, over a folder."""
    (tmp_path / "anchorline.yml").write_text(TRUST)
    spec = load(tmp_path / "anchorline.yml")
    wanted = DesiredTrust.of(spec, stage(spec))
    root = plays(FAMILIES[0], shell)
    root.rollout(wanted)
    return root, wanted


def withdraw(root: System, wanted: DesiredTrust, **values: str) -> tuple[int, str, str]:
    [anchor] = wanted.anchors
    trust = root.look(wanted)
    change = removal(ObservedAnchors(trust, {root.moved.path(anchor.name): b"0"}), "blue", anchor.sha256)
    given: dict[str, Value] = {
        "site": "blue",
        "state": str(root.state),
        "lock": str(root.state.parent.with_name("lock")),
        **Stamps.of("blue").values(),
        **Layers.of(root.moved).values(),
        "gone": [*change.gone, wanted.marker_file],
        "update": root.moved.repair,
        "last": "yes" if change.last else "",
        "hosts": str(root.hosts),
        "hosts_line": "",
        "certificate": anchor.pem,
        "vendors": ":".join(root.moved.sources),
        "ca": anchor.sha256,
        "ban": "",
        "summary": "a test",
        "remembered": REMEMBERED,
    }
    given |= dict.fromkeys(("restored", "unchanged", "tasks", "pems", "nicknames"), "")
    done = root.run(script(*Withdraw.sources, **(given | values)), stdin(change.files))
    return done.returncode, done.stdout, done.stderr


def test_nothing_of_ours_is_left(rolled: tuple[System, DesiredTrust]) -> None:
    root, wanted = rolled
    root.hosts.write_text("::1 x\n192.0.2.1 y # anchorline blue\n192.0.2.1 z # anchorline blue-east\n")
    root.updates(f"cat {root.moved.folder}/*.crt >{root.moved.bundle}; rm -f {root.moved.hashed}/*.0; true")
    assert withdraw(root, wanted) == (0, "", "")
    assert root.hosts.read_text() == "::1 x\n192.0.2.1 z # anchorline blue-east\n"
    assert not root.state.exists()
    assert not [path for path in root.root.rglob("anchorline-*") if path.parent.name == "ca-certificates"]


def test_a_file_of_others_that_is_a_link_becomes_what_it_was(rolled: tuple[System, DesiredTrust]) -> None:
    root, wanted = rolled
    root.updates(f"cat {root.moved.folder}/*.crt >{root.moved.bundle}; rm -f {root.moved.hashed}/*.0; true")
    (root.root / "real").mkdir()
    real, link = root.root / "real/config.toml", root.root / "config.toml"
    real.write_text("theirs and ours\n")
    (root.root / "config.toml.anchorline-backup").write_text("theirs\n")
    link.symlink_to("real/config.toml")
    unchanged = f"{sha256(real.read_bytes()).hexdigest()} {link}"
    assert withdraw(root, wanted, restored=str(link), unchanged=unchanged)[0] == 0
    assert link.is_symlink()
    assert real.read_text() == "theirs\n"


def test_a_store_that_keeps_it_fails_the_host(rolled: tuple[System, DesiredTrust]) -> None:
    root, wanted = rolled
    root.updates("exit 0")
    code, _, said = withdraw(root, wanted)
    assert code == 1
    assert "/etc/ssl/certs/ca-certificates.crt still holds it after " in said


def test_someone_elses_file_is_told_and_stays(rolled: tuple[System, DesiredTrust]) -> None:
    root, wanted = rolled
    theirs = Path(root.moved.folder) / "company.crt"
    theirs.write_text(wanted.anchors[0].pem)
    assert withdraw(root, wanted, ban="yes") == (
        1,
        "",
        f"still trusted here, by {theirs}, which isn't ours: take that away too\n",
    )
    code, out, _ = withdraw(root, wanted)
    assert (code, out) == (0, f"still {theirs}\n")
    assert theirs.exists()
