from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from anchorline.authority import Anchor, stage
from anchorline.errors import AnchorlineError
from anchorline.spec import load
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.removal.plan import ObservedAnchors, Removal, choose, digits, places, read, removal
from anchorline.trust.stores import merged
from anchorline.trust.stores.families import FAMILIES

DEBIAN = FAMILIES[0]
ARCH = next(row for row in FAMILIES if row.name == "arch")
TOML = "/etc/containerd/certs.d/r.example.com/hosts.toml"


def anchor_of(folder: Path, name: str) -> Anchor:
    (folder / "anchorline.yml").write_text(f"version: 1\nsite: blue\nauthority: {{CN: {name}}}\n")
    return stage(load(folder / "anchorline.yml")).anchors[0]


@pytest.fixture
def old(tmp_path: Path) -> Anchor:
    return anchor_of(tmp_path, "Old")


@pytest.fixture
def new(tmp_path: Path) -> Anchor:
    return anchor_of(tmp_path, "New")


def body(anchor: Anchor) -> str:
    return "".join(anchor.pem.splitlines()[1:-1])


def paths(anchor: Anchor, family: str = DEBIAN.folder) -> list[str]:
    return [f"{folder}/{anchor.name}" for folder in (family, TOML.rpartition("/")[0], "/etc/docker/certs.d/r")]


@pytest.fixture
def both(old: Anchor, new: Anchor) -> ObservedAnchors:
    """A host of Debian with two generations."""
    lines = ["os debian", "family debian", f"file {'1' * 64} {TOML}"]
    lines += [f"certificate {body(each)} {path}" for each in (old, new) for path in paths(each)]
    lines += [f"marker ca {each.sha256}" for each in (old, new)]
    return read(lines, "blue")


def test_what_is_held(both: ObservedAnchors, old: Anchor, new: Anchor) -> None:
    assert both.digests == {old.sha256, new.sha256}
    assert sha256(both.certificates[paths(old)[0]]).hexdigest() == old.sha256


def test_another_sites_files_are_not_held(old: Anchor) -> None:
    lines = ["os debian", f"certificate {body(old)} /x/{old.name.replace('blue', 'blue-east')}", "served QUJD"]
    assert read(lines, "blue") == ObservedAnchors(ObservedTrust(("debian",), None), served=(b"ABC",))


def test_an_altered_file_is_held_by_its_name(old: Anchor) -> None:
    altered = read(["os debian", f"certificate  {paths(old)[0]}"], "blue")
    assert altered.digests == {old.sha256[:12]}
    assert removal(altered, "blue", old.sha256).gone == (paths(old)[0],)


@pytest.mark.parametrize("kind", ["java", "system"])
def test_javas_store_has_one_name(both: ObservedAnchors, old: Anchor, kind: str) -> None:
    """Whoever keeps it: keytool, or the system's own update."""
    stores = merged.read({"kept": [f"{old.name} - {kind} /opt/jre/cacerts keytool"]})
    what = removal(replace(both, trust=replace(both.trust, merged_stores=stores)), "blue", old.sha256).what
    assert "java" in what
    assert "system" not in what


@pytest.mark.parametrize(
    ("word", "line"),
    [("keystore", "x"), ("keystore", "evil a /etc/x"), ("keystore", "java"), ("kept", "a - evil /x y")],
)
def test_a_keystore_that_cannot_be(word: str, line: str) -> None:
    """A reader's ValueError fails that host alone."""
    with pytest.raises(ValueError, match=r"of no known kind|not enough values") as raised:
        merged.read({word: [line]})
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("AB:CD:EF:01:23:45", "abcdef012345"),
        ("a" * 64, "a" * 64),
        (123456789012, "123456789012"),
        (12345678901, "012345678901"),  # pyinfra made a number of it
    ],
)
def test_digits(given: object, word: str) -> None:
    assert digits(given) == word


@pytest.mark.parametrize("given", [None, "", "abc", "g" * 12, "a" * 65, 1.5, "a" * 11, "*" * 12])
def test_digits_that_are_none(given: object) -> None:
    with pytest.raises(AnchorlineError, match=r"--data ca=SHA256"):
        digits(given)


def test_choosing(both: ObservedAnchors, old: Anchor, new: Anchor) -> None:
    hosts = {"a": both, "b": both}
    assert choose(old.sha256[:12], hosts) == choose(old.sha256, hosts) == old.sha256
    assert choose("f" * 64, hosts) == "f" * 64, "a second run finds nothing, and is well"
    assert choose(old.sha256[:12], {}, [old.sha256]) == old.sha256
    with pytest.raises(AnchorlineError) as error:
        choose("0" * 12, hosts)
    assert f"\n  - {old.sha256}: a, b" in str(error.value)
    assert f"\n  - {new.sha256}: a, b" in str(error.value)
    with pytest.raises(AnchorlineError, match="several CAs"):
        choose("a" * 12, hosts, ["a" * 64, "a" * 63 + "b"])


def test_one_of_two_generations_goes(both: ObservedAnchors, old: Anchor, new: Anchor) -> None:
    change = removal(both, "blue", old.sha256)
    assert set(change.gone) == set(paths(old))
    assert not change.last
    assert change.update == DEBIAN.without(old.name)
    toml, marker = change.files
    assert toml.path == TOML
    assert f'ca = ["{paths(new)[1]}"]' in toml.content
    assert old.name not in toml.content
    assert (marker.path, marker.content) == ("/var/lib/anchorline/sites/blue/anchors", f"ca {new.sha256}\n")
    assert set(change.what) == {"system store", "docker", "containerd"}


def test_the_last_one_takes_all_with_it(both: ObservedAnchors, old: Anchor, new: Anchor) -> None:
    alone = replace(
        both,
        trust=replace(both.trust, marker=(f"ca {old.sha256}",)),
        certificates={path: der for path, der in both.certificates.items() if path in paths(old)},
    )
    change = removal(alone, "blue", old.sha256)
    assert set(change.gone) == {*paths(old), TOML, "/var/lib/anchorline/sites/blue/anchors"}
    assert change.last
    assert change.files == ()
    assert removal(ObservedAnchors(ObservedTrust(("debian",), DEBIAN)), "blue", old.sha256) == Removal()
    assert new.sha256 not in alone.digests


def test_a_ban_is_for_hosts_that_never_had_it_too(old: Anchor) -> None:
    clean = ObservedAnchors(ObservedTrust(("arch",), ARCH))
    change = removal(clean, "blue", old.sha256, old.pem)
    [file] = change.files
    assert (file.path, file.content) == (f"{ARCH.blocklist}/{old.name}", old.pem)
    assert change.update == ARCH.repair
    assert not change.last, "what else the site has there stays"
    banned = read(["os arch", "family arch", f"certificate {body(old)} {file.path}"], "blue")
    assert not removal(banned, "blue", old.sha256, old.pem), "a second time there is nothing to do"
    assert banned.digests == frozenset()
    assert not removal(ObservedAnchors(ObservedTrust(("debian",), DEBIAN)), "blue", old.sha256, old.pem), (
        "Debian has no such place"
    )


def test_the_places_cover_the_tables() -> None:
    assert {"/usr/local/share/ca-certificates", "/etc/pki/trust/anchors", "/etc/docker/certs.d/*"} <= set(places())
    assert len(places()) == len(set(places()))


def test_reading_nonsense() -> None:
    with pytest.raises(ValueError, match="nothing of its system"):
        read(["certificate QUJD /x"], "blue")
