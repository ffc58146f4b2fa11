"""What the lab's real hosts answered to a probe, on a deployed site, read as a run reads it. Recorded by
``python -m tests.record_answers``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.external import hosts_of
from anchorline.fleet import clock, machines
from anchorline.fleet.fleet import Fleet
from anchorline.fleet.wire import CLOCK, MACHINE, split
from anchorline.registry import probe as registry
from anchorline.registry.observed import FileState
from anchorline.registry.plan import conflicts
from anchorline.report import probe as report
from anchorline.report.deploy import PROBES
from anchorline.trust import probe as trust
from anchorline.verify import examine
from anchorline.verify import probe as verify
from anchorline.verify.diagnosis import name_of_issuer
from tests.answers import ANSWERS, RECORDED, fleet_of

ROOT = Path(__file__).parents[2]
NAME = "registry.example.com"


@dataclass(frozen=True)
class Facts:
    """What is known of a host of the lab. ``keystores``: those that hold the CA; ``daemons``: with the old roots."""

    family: str
    runtimes: tuple[str, ...] = ()
    keystores: tuple[str, ...] = ()
    daemons: tuple[str, ...] = ()


LAB = {
    "registry": Facts("debian", ("docker",), daemons=("docker.service", "containerd.service")),
    "debian": Facts("debian", ("docker",), ("/etc/ssl/certs/java/cacerts",), ("docker.service", "containerd.service")),
    "arch-layout": Facts("arch", ("podman", "buildah")),
    "fedora-layout": Facts("fedora", ("containerd",), daemons=("containerd.service",)),
    "debian12": Facts("debian"),
}


def answer(host: str) -> list[str]:
    return (ANSWERS / f"{host}.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The fleet as a run has it that was given these answers."""
    fleet = fleet_of(ROOT / "anchorline.yml", LAB)
    for name in LAB:
        said = split(answer(name), RECORDED)
        fleet.machines[name] = machines.read(said[MACHINE])
        fleet.observations[name] = {
            each.name: each.read(fleet, said[each.name]) for each in PROBES if each.name in said
        }
    return fleet


def test_each_host_of_the_lab_is_recorded() -> None:
    assert {path.stem for path in ANSWERS.iterdir()} == set(LAB)


@pytest.mark.parametrize("name", LAB)
def test_trust(fleet: Fleet, name: str) -> None:
    facts, has = LAB[name], fleet.seen(trust.PROBE, fleet.hosts[name])
    assert has.family is not None
    assert (has.family.name, has.runtimes) == (facts.family, facts.runtimes)
    (anchor,) = has.bundled
    (marker,) = has.marker
    assert anchor == f"anchorline-production-{marker.removeprefix('ca ')[:12]}.crt"
    assert has.family.path(anchor) in has.files
    assert (has.unhashed, has.elsewhere, has.foreign, has.strays) == (frozenset(), {}, frozenset(), frozenset())
    assert has.hosts_line == f"192.0.2.10 {NAME} # anchorline production"
    assert tuple(each.unit for each in has.stale) == facts.daemons
    held = {path for line in answer(name) if line.startswith("holds ") for path in line.split()[2:]}
    assert held == set(facts.keystores)
    for runtime in facts.runtimes:
        assert any(
            f"/{NAME}:443/{anchor}" in path and path.startswith(dict(has.folders)[runtime]) for path in has.files
        )


def test_all_hosts_trust_one_ca(fleet: Fleet) -> None:
    seen = fleet.saw(trust.PROBE)
    assert set(seen) == set(LAB)
    assert len({each.marker for each in seen.values()}) == 1
    assert len({each.bundled for each in seen.values()}) == 1


def test_the_registrys_container(fleet: Fleet) -> None:
    assert set(fleet.saw(registry.PROBE)) == {"registry"}
    has, wanted = fleet.seen(registry.PROBE, fleet.hosts["registry"]), registry.container(fleet)
    assert wanted is not None
    assert has.container is not None
    assert (has.container.state, has.container.site, has.container.digest) == ("running", "production", wanted.digest)
    assert (has.health, has.data.site, has.port, has.restarted) == ("", "production", "docker-proxy", False)
    assert has.started.configured == wanted.configured
    assert {name: each.state for name, each in has.files.items()} == {
        each.name: FileState.KEPT for each in wanted.files
    }
    assert has.files["server-key.pem"].digest == "", "no look asks for it"
    assert [*conflicts(has, wanted)] == []


@pytest.mark.parametrize("name", LAB)
def test_what_is_served(fleet: Fleet, name: str) -> None:
    seen = fleet.seen(examine.PROBE, fleet.hosts[name])
    (leaf,) = seen.served
    assert fingerprint(leaf) == fleet.seen(registry.PROBE, fleet.hosts["registry"]).served
    assert (name_of_issuer(leaf), name_of(leaf)) == ("Example Fleet CA", f"CN={NAME},O=Example")
    assert NAME in hosts_of(leaf)
    assert leaf.not_valid_before_utc < seen.clock < leaf.not_valid_after_utc
    assert (seen.addresses, seen.reachability, seen.rules) == (("192.0.2.10",), "open", ())
    assert (seen.down, seen.denied, seen.curl) == ((), (), 0)
    asked = (*(each for each in LAB[name].runtimes if each in ("docker", "containerd")), "-")
    assert seen.proxies == tuple((unit, "", "") for unit in asked)


@pytest.mark.parametrize("name", LAB)
def test_clock_space_and_stamp(fleet: Fleet, name: str) -> None:
    host = fleet.hosts[name]
    said = fleet.seen(examine.PROBE, host).clock
    offset = clock.read(split(answer(name), RECORDED)[CLOCK], said.timestamp())
    assert offset is not None
    assert 0 <= offset <= 60
    assert said > datetime(2026, 1, 1, tzinfo=UTC)
    assert len(verify.stamp_of(fleet, host)) == 64
    space = fleet.seen(report.PROBE, host)
    assert set(space.left) == {"/etc", "/var/lib/anchorline/sites/production"}
    assert all(left > report.ENOUGH for left in space.left.values())
    assert (space.repositories, space.tags) == ((1, 1) if name == "registry" else (None, None))


def test_each_is_a_machine_of_its_own(fleet: Fleet) -> None:
    assert all(fleet.machines.values())
    assert [*machines.duplicates(fleet.machines)] == []
    assert [*machines.duplicates({**fleet.machines, "again": fleet.machines["debian"]})] == [("again", "debian")]


@pytest.mark.parametrize("name", LAB)
def test_half_of_it_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="broke off"):
        split(answer(name)[:-1], RECORDED)
