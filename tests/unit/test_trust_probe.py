from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from anchorline.authority import Staged, stage
from anchorline.authority.operations import staged
from anchorline.fleet.fleet import Fleet, Host
from anchorline.spec import load
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.probe import PROBE
from anchorline.trust.stores.families import FAMILIES

TRUST = "version: 1\nsite: blue\nauthority: {CN: Blue CA}\n"
WITH_REGISTRY = (
    TRUST
    + """
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates: {server: {CN: registry.example.com, hosts: [registry.example.com]}}
registry: {address: registry.example.com, certificate: server}
"""
)
DEBIAN = FAMILIES[0]
STRANGE = "ab12" * 16


@dataclass
class Site:
    """A fleet that was probed, with a registry's host and two clients."""

    fleet: Fleet

    @property
    def staged(self) -> Staged:
        return staged(self.fleet)

    def refusals(self) -> list[str]:
        return [str(problem) for problem in PROBE.preflight(self.fleet)]


def fleet(folder: Path, text: str = TRUST, *, committed: bool = False) -> Site:
    file = folder / "anchorline.yml"
    file.write_text(text)
    if committed:
        stage(load(file)).commit()
    hosts = {"registry": Host("registry", ("registry",)), "a": Host("a"), "b": Host("b")}
    return Site(Fleet(file, hosts))


def sees(*marker: str, files: tuple[str, ...] = ()) -> dict[str, object]:
    return {"trust": ObservedTrust(("debian",), DEBIAN, marker=marker, files=dict.fromkeys(files, "0" * 64))}


def anchor(site: str, digest: str) -> str:
    return f"{DEBIAN.folder}/anchorline-{site}-{digest[:12]}.crt"


def test_a_new_site_on_hosts_that_never_heard_of_it(tmp_path: Path) -> None:
    new = fleet(tmp_path)
    new.fleet.observations = {"a": sees(), "b": sees()}
    assert new.staged.is_new_ca
    assert new.refusals() == []


def test_hosts_that_know_our_own_ca(tmp_path: Path) -> None:
    known = fleet(tmp_path, committed=True)
    ca = known.staged.fingerprint
    assert ca is not None
    known.fleet.observations = {"a": sees(f"ca {ca}", files=(anchor("blue", ca),)), "b": sees()}
    assert not known.staged.is_new_ca
    assert known.refusals() == []


@pytest.mark.parametrize("committed", [False, True], ids=["empty pki/", "another CA in pki/"])
@pytest.mark.parametrize(
    "seen",
    [
        sees(f"ca {STRANGE}"),
        sees(files=(anchor("blue", STRANGE),)),
        sees(f"ca {STRANGE}", files=(anchor("blue", STRANGE),)),
    ],
    ids=["marker", "anchor", "both"],
)
def test_the_fleet_remembers(tmp_path: Path, committed: bool, seen: dict[str, object]) -> None:
    lost = fleet(tmp_path, committed=committed)
    lost.fleet.observations = {"a": sees(), "b": seen}
    [refusal] = lost.refusals()
    assert f"{tmp_path}/pki/blue doesn't know the CA {STRANGE[:12]} that b knows as the site's" in refusal


def test_many_hosts_remember_one_ca_in_one_sentence(tmp_path: Path) -> None:
    lost = fleet(tmp_path)
    lost.fleet.observations = {f"h{number}": sees(f"ca {STRANGE}") for number in range(7)}
    [refusal] = lost.refusals()
    assert "that h0, h1, h2, h3, h4 and 2 more know as the site's" in refusal


def test_two_cas_are_two_sentences(tmp_path: Path) -> None:
    lost = fleet(tmp_path)
    lost.fleet.observations = {"a": sees(f"ca {STRANGE}"), "b": sees(f"ca {'cd34' * 16}")}
    assert len(lost.refusals()) == 2


@pytest.mark.parametrize("site", ["blue-east", "bl", "light-blue", "blue-1"])
def test_another_sites_anchors_are_no_memory_of_ours(tmp_path: Path, site: str) -> None:
    ours = fleet(tmp_path)
    ours.fleet.observations = {"a": sees(files=(anchor(site, STRANGE),))}
    assert ours.refusals() == []


def test_a_users_file_is_no_memory_of_ours(tmp_path: Path) -> None:
    """Or a name in a home would stop the whole fleet."""
    ours = fleet(tmp_path)
    path = f"/home/joe/.config/docker/certs.d/r/anchorline-blue-{STRANGE[:12]}.crt"
    ours.fleet.observations = {"a": sees(files=(path,))}
    assert ours.refusals() == []
    ours.fleet.observations = {"a": sees(files=(path.replace("/home/joe/.config", "/etc"),))}
    assert len(ours.refusals()) == 1, "the control"


def test_a_ca_of_others_is_no_memory_of_ours(tmp_path: Path) -> None:
    """One that stood in trust.also once: the marker says so, and its file is ours."""
    ours = fleet(tmp_path)
    ours.fleet.observations = {"a": sees(f"also {STRANGE}", files=(anchor("blue", STRANGE),))}
    assert ours.refusals() == []


def test_a_new_ca_waits_for_the_host_that_would_remember(tmp_path: Path) -> None:
    new = fleet(tmp_path, WITH_REGISTRY)
    new.fleet.observations = {"client": sees()}
    [refusal] = new.refusals()
    assert "the registry's host registry, which would remember one, wasn't looked at" in refusal
    new.fleet.observations["registry"] = sees()
    assert new.refusals() == []


def test_a_known_ca_waits_for_nobody(tmp_path: Path) -> None:
    known = fleet(tmp_path, WITH_REGISTRY, committed=True)
    known.fleet.observations = {"client": sees()}
    assert known.refusals() == []


def test_a_look_without_trust_remembers_nothing(tmp_path: Path) -> None:
    new = fleet(tmp_path)
    new.fleet.observations = {"a": {"verify": ""}}
    assert new.refusals() == []
