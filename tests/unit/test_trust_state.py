from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.authority import Staged, stage
from anchorline.fleet import words
from anchorline.fleet.scripts import File
from anchorline.spec import Spec
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.stores.runtimes import RUNTIMES
from tests.unit.blue import DEBIAN, FEDORA, SPEC, spec_of


def paths(change: TrustPlan) -> set[str]:
    return {file.path for file in change.files}


def test_what_is_wanted(wanted: DesiredTrust) -> None:
    [anchor] = wanted.anchors
    assert wanted.own == {anchor.sha256}
    assert wanted.marker == (f"ca {anchor.sha256}",)
    assert wanted.names == ("registry.example.com", "registry.example.com:443", "192.0.2.10", "192.0.2.10:443")
    assert wanted.hosts_line == "192.0.2.10 registry.example.com"
    assert wanted.marker_file == "/var/lib/anchorline/sites/blue/anchors"


def test_first_rollout(new: ObservedTrust, wanted: DesiredTrust) -> None:
    change = difference(new, wanted)
    name = wanted.anchors[0].name
    certs = {
        f"{RUNTIMES[runtime].folder}/{each}/{name}" for runtime in ("docker", "containerd") for each in wanted.names
    }
    tomls = {f"{RUNTIMES['containerd'].folder}/{each}/hosts.toml" for each in wanted.names}
    assert paths(change) == {f"{DEBIAN.folder}/{name}", wanted.marker_file, *certs, *tomls}
    assert change.update == DEBIAN.update
    assert change.hosts_line == wanted.hosts_line
    assert change.what == ("system store", "docker", "containerd", "/etc/hosts")
    assert change
    assert not change.problem


def test_nothing_to_do_afterwards(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    change = difference(settled, wanted)
    assert not change
    assert change == TrustPlan()


@pytest.mark.parametrize("path", ["anchor", "toml", "marker", "hosts", "bundle"])
def test_one_thing_missing_is_seen(settled: ObservedTrust, wanted: DesiredTrust, path: str) -> None:
    anchor = f"{DEBIAN.folder}/{wanted.anchors[0].name}"
    toml = f"/etc/containerd/certs.d/{wanted.names[0]}/hosts.toml"
    less = {
        "anchor": replace(settled, files={k: v for k, v in settled.files.items() if k != anchor}),
        "toml": replace(settled, files={k: v for k, v in settled.files.items() if k != toml}),
        "marker": replace(settled, marker=()),
        "hosts": replace(settled, hosts_line=""),
        "bundle": replace(settled, bundled=frozenset()),
    }[path]
    change = difference(less, wanted)
    assert paths(change) == {"anchor": {anchor}, "toml": {toml}, "marker": {wanted.marker_file}}.get(path, set())
    assert bool(change.update) == (path in ("anchor", "bundle"))
    assert bool(change.hosts_line) == (path == "hosts")


def test_an_anchor_that_was_altered_is_repaired(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    anchor = f"{DEBIAN.folder}/{wanted.anchors[0].name}"
    change = difference(replace(settled, files={**settled.files, anchor: "0" * 64}), wanted)
    assert paths(change) == {anchor}
    assert change.update == DEBIAN.repair != DEBIAN.update
    assert change.what == ("system store repaired",)


def test_a_ca_that_the_host_has_already_is_not_doubled(new: ObservedTrust, wanted: DesiredTrust) -> None:
    name = wanted.anchors[0].name
    theirs = "/usr/local/share/ca-certificates/company root.crt"
    has = replace(new, bundled=frozenset({name}), elsewhere={name: theirs})
    change = difference(has, wanted)
    assert f"{DEBIAN.folder}/{name}" not in paths(change)
    assert not change.update
    assert change.notes == (f"trusted already as {theirs}, not doubled",)
    # runtimes don't look into the system's folder
    assert f"/etc/docker/certs.d/{wanted.names[0]}/{name}" in paths(change)


def test_a_hosts_toml_of_someone_else_is_not_touched(new: ObservedTrust, wanted: DesiredTrust) -> None:
    toml = f"/etc/containerd/certs.d/{wanted.names[0]}/hosts.toml"
    change = difference(replace(new, foreign=frozenset({toml})), wanted)
    assert not change
    assert change.problem
    assert change.problem.cause == f"{toml} is someone else's"
    assert f"mv {toml} {toml}.before" in change.problem.fix
    # of a registry that isn't ours, or where containerd isn't kept, it is nobody's business
    other = replace(new, foreign=frozenset({"/etc/containerd/certs.d/docker.io/hosts.toml"}))
    assert not difference(other, wanted).problem
    exempt = replace(wanted, stores=("system", "docker"))
    assert not difference(replace(new, foreign=frozenset({toml})), exempt).problem


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("192.0.2.10 registry.example.com # anchorline blue", False),
        ("192.0.2.99 registry.example.com # anchorline blue", True),
        ("192.0.2.10 registry.example.com # anchorline blue\n192.0.2.10 registry.example.com # anchorline blue", True),
        ("", True),
    ],
)
def test_the_line_in_the_hosts_file(settled: ObservedTrust, wanted: DesiredTrust, line: str, written: bool) -> None:
    change = difference(replace(settled, hosts_line=line), wanted)
    assert bool(change) == bool(change.hosts_line) == written


def test_what_is_surplus_is_told_and_stays(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    old = f"{DEBIAN.folder}/anchorline-blue-{'0' * 12}.crt"
    has = replace(settled, files={**settled.files, old: "1" * 64})
    change = difference(has, replace(wanted, hosts_line=""))
    assert not change
    assert change.notes == (f"surplus, not declared: {old}", "surplus, not declared: the line in /etc/hosts")
    assert difference(settled, wanted).notes == ()


def test_the_marker_forgets_nothing(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    before = (f"ca {'1' * 64}", "later words")
    change = difference(replace(settled, marker=before), wanted)
    [marker] = change.files
    assert marker == File(wanted.marker_file, "".join(f"{line}\n" for line in sorted({*before, *wanted.marker})))
    assert not difference(replace(settled, marker=(*before, *wanted.marker)), wanted)


@pytest.mark.parametrize("stores", [("system",), ("docker",), ("containerd", "podman"), ()])
def test_only_the_stores_that_are_asked_for(new: ObservedTrust, wanted: DesiredTrust, stores: tuple[str, ...]) -> None:
    change = difference(new, replace(wanted, stores=stores))
    folders = {"system": DEBIAN.folder, **{row.kept_as: row.folder for row in reversed(RUNTIMES.values())}}
    touched = {store for store, folder in folders.items() if any(path.startswith(folder) for path in paths(change))}
    assert touched == set(stores) - {"podman"}, "podman isn't there"
    assert bool(change.update) == ("system" in stores)
    assert wanted.marker_file in paths(change)


def test_a_system_without_a_row(new: ObservedTrust, wanted: DesiredTrust) -> None:
    strange = replace(new, os_ids=("slackware", "gnu"), family=None)
    change = difference(strange, wanted)
    assert not change
    assert "(slackware gnu) among debian, ubuntu, " in str(change.problem)
    assert "no ID in /etc/os-release" in str(difference(replace(strange, os_ids=()), wanted).problem)
    # without the system's store its row isn't needed
    runtimes_only = difference(strange, replace(wanted, stores=("docker",)))
    assert runtimes_only
    assert not runtimes_only.problem


def test_local_mode_has_the_system_alone(tmp_path: Path, new: ObservedTrust) -> None:
    local = SPEC[: SPEC.index("registry:\n")] + "registry: {mode: local, address: localhost:5000}\n"
    spec = spec_of(tmp_path, local)
    wanted = DesiredTrust.of(spec, stage(spec))
    assert (wanted.names, wanted.hosts_line) == ((), "")
    change = difference(new, wanted)
    assert paths(change) == {f"{DEBIAN.folder}/{wanted.anchors[0].name}", wanted.marker_file}


def test_other_cas_go_to_the_system_alone(tmp_path: Path, blue: tuple[Spec, Staged], new: ObservedTrust) -> None:
    (tmp_path / "company.pem").write_text(blue[1].anchors[0].pem)
    spec = spec_of(tmp_path, SPEC.replace("blue", "green").replace("Blue", "Green") + "trust: {also: [company.pem]}\n")
    wanted = DesiredTrust.of(spec, stage(spec))
    own, also = wanted.anchors
    assert wanted.own == {own.sha256}
    assert wanted.marker == (f"ca {own.sha256}", f"also {also.sha256}")
    change = difference(new, wanted)
    assert {path for path in paths(change) if path.endswith(also.name)} == {f"{DEBIAN.folder}/{also.name}"}
    assert also.name not in "".join(file.content for file in change.files if file.path.endswith("hosts.toml"))


def test_a_ca_from_outside_is_no_memory_of_a_made_one(tmp_path: Path, blue: tuple[Spec, Staged]) -> None:
    (tmp_path / "company.pem").write_text(blue[1].anchors[0].pem)
    spec = spec_of(tmp_path, "version: 1\nsite: red\nauthority: {certificate: company.pem}\n")
    wanted = DesiredTrust.of(spec, stage(spec))
    assert wanted.marker == (f"also {blue[1].fingerprint}",)
    assert wanted.own == {blue[1].fingerprint}


SAID = f"""\
os rocky rhel centos fedora
family fedora
family debian
bundled debian anchorline-blue-{"a" * 12}.crt
bundled fedora anchorline-blue-{"b" * 12}.crt
elsewhere fedora anchorline-blue-{"b" * 12}.crt {words.encode("/etc/pki/ca-trust/source/anchors/of others.pem")}
runtime podman /etc/containers/certs.d
runtime curl
file {"1" * 64} /etc/pki/ca-trust/source/anchors/anchorline-blue-{"b" * 12}.crt
file {"2" * 64} /etc/containerd/certs.d/registry.example.com/hosts.toml
file {"3" * 64} /etc/pki/ca-trust/source/anchors/anchorline-blue-east-{"c" * 12}.crt
foreign {words.encode("/etc/containerd/certs.d/docker io/hosts.toml")}
marker ca {"b" * 64}
hosts 192.0.2.10 registry.example.com # anchorline blue
""".splitlines()


def test_reading_an_answer() -> None:
    assert read(SAID, "blue") == ObservedTrust(
        os_ids=("rocky", "rhel", "centos", "fedora"),
        family=FEDORA,
        bundled=frozenset({f"anchorline-blue-{'b' * 12}.crt"}),
        elsewhere={f"anchorline-blue-{'b' * 12}.crt": "/etc/pki/ca-trust/source/anchors/of others.pem"},
        tools=frozenset({"podman", "curl"}),
        folders=(("podman", "/etc/containers/certs.d"),),
        files={
            f"/etc/pki/ca-trust/source/anchors/anchorline-blue-{'b' * 12}.crt": "1" * 64,
            "/etc/containerd/certs.d/registry.example.com/hosts.toml": "2" * 64,
        },
        foreign=frozenset({"/etc/containerd/certs.d/docker io/hosts.toml"}),
        marker=(f"ca {'b' * 64}",),
        hosts_line="192.0.2.10 registry.example.com # anchorline blue",
    )


def test_a_host_of_no_known_system() -> None:
    has = read(["os slackware", "bundled debian anchorline-blue-0.crt"], "blue")
    assert (has.family, has.bundled) == (None, frozenset())


@pytest.mark.parametrize(
    "line", ["ca", "ca ", "ca 1234", f"ca {'b' * 63}", f"also {'B' * 64}", f"ca {'b' * 64} ", "also"]
)
def test_a_damaged_marker_is_unknown_not_empty(line: str) -> None:
    with pytest.raises(ValueError, match=r"sites/blue/anchors, which the host keeps, is damaged at"):
        read([*SAID, f"marker {line}"], "blue")


@pytest.mark.parametrize("lines", [[], ["family debian"], ["os debian", "file"], ["os debian", "file 1234"]])
def test_half_an_answer_is_no_answer(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"nothing of its system|unpack"):
        read(lines, "blue")
