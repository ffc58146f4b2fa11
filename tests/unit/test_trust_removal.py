from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from anchorline.authority import Anchor, stage
from anchorline.errors import AnchorlineError
from anchorline.spec import load
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.removal.plan import ObservedAnchors, Removal, choose, digits, places, read, removal
from anchorline.trust.stores import merged
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES, Runtime

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
    lines = ["os debian", f"certificate {body(old)} /x/{old.name.replace('blue', 'blue-east')}", f"served {body(old)}"]
    served = (x509.load_pem_x509_certificate(old.pem.encode()),)
    assert read(lines, "blue") == ObservedAnchors(ObservedTrust(("debian",), None), served=served)


def test_an_altered_file_is_held_by_its_name(old: Anchor) -> None:
    altered = read(["os debian", f"certificate  {paths(old)[0]}"], "blue")
    assert altered.digests == {old.sha256[:12]}
    assert removal(altered, "blue", old.sha256).gone == (paths(old)[0],)


HOME = "/home/joe/.config/docker/certs.d/r.example.com"
NAMED = f"{HOME}/anchorline-blue-{'0' * 12}.crt"


@pytest.mark.parametrize("junk", ["MAA=", "M", "%%%", "A" * 65536, "MIIBhTCCASqgAwIBAgIUQv6kT92", "\x1b[2J"])
def test_a_file_that_is_no_certificate_is_named_and_passed_over(both: ObservedAnchors, old: Anchor, junk: str) -> None:
    lines = ["os debian", "family debian", f"certificate {junk} {NAMED}", f"bundle /etc/anchorline/blue.pem {junk}"]
    lines += [f"certificate {body(old)} {path}" for path in paths(old)] + [f"served {junk}", f"marker ca {old.sha256}"]
    seen = read(lines, "blue")
    assert seen.certificates[NAMED] == b""
    assert (seen.bundles, seen.served) == ({"/etc/anchorline/blue.pem": ()}, ())
    assert {each.partition(":")[0] for each in seen.unread} == {
        NAMED,
        "/etc/anchorline/blue.pem",
        "what the registry serves",
    }
    assert set(removal(seen, "blue", old.sha256).gone) >= set(paths(old))
    assert both.unread == ()


def test_half_of_a_certificate_and_one_with_an_odd_part_are_none(old: Anchor) -> None:
    der = b64decode(body(old))
    # version 9, of which the parser says no where it is asked for, and half of the whole
    odd = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    for part in (der[: len(der) // 2], odd, der + b"x"):
        assert part != der
        seen = read(["os debian", f"certificate {b64encode(part).decode()} {NAMED}"], "blue")
        assert (seen.certificates[NAMED], len(seen.unread)) == (b"", 1)
    whole = read(["os debian", f"certificate {b64encode(der).decode()} {NAMED}"], "blue")
    assert (whole.certificates[NAMED], whole.unread) == (der, ())


def test_a_users_junk_keeps_nothing_of_the_site(old: Anchor, new: Anchor) -> None:
    lines = ["os debian", "family debian", f"marker ca {old.sha256}", f"certificate  {NAMED}"]
    lines += [f"certificate {body(old)} {paths(old)[0]}", f"certificate {body(new)} {HOME}/{new.name}"]
    assert removal(read(lines, "blue"), "blue", old.sha256).last
    assert not removal(read([*lines, f"marker ca {new.sha256}"], "blue"), "blue", old.sha256).last, "memory has it"
    elsewhere = f"certificate {body(new)} {paths(new)[0]}"
    assert not removal(read([*lines, elsewhere], "blue"), "blue", old.sha256).last


def test_a_name_with_the_same_digits_is_the_same_ca(both: ObservedAnchors, old: Anchor) -> None:
    """Junk in a file of that name on another host makes no second CA of it."""
    junk = read(["os debian", f"certificate  {HOME}/{old.name}"], "blue")
    for word in (old.sha256[:12], old.sha256):
        assert choose(word, {"a": both, "b": junk}) == choose(word, {"b": junk, "a": both}) == old.sha256
    assert choose(old.sha256[:12], {"b": junk}) == old.sha256[:12]


def test_a_runtime_anywhere_has_its_hosts_toml_taken_along(
    old: Anchor, new: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table says which folders are a runtime's, not their name."""
    for name, folder in {"new": "/etc/new/registries", "new-rootless": "~/.new/registries"}.items():
        monkeypatch.setitem(RUNTIMES, name, Runtime(name, folder, used=("new",), hosts_toml=True))
    for folder, store in {"/etc/new/registries/r": "new", "/home/joe/.new/registries/r": "new-rootless"}.items():
        toml = f"{folder}/hosts.toml"
        lines = ["os debian", "family debian", f"file {'1' * 64} {toml}"]
        lines += [f"certificate {body(each)} {folder}/{each.name}" for each in (old, new)]
        change = removal(read(lines, "blue"), "blue", old.sha256)
        assert ([file.path for file in change.files], change.what) == ([toml], (store,))
        assert new.name in change.files[0].content


@pytest.mark.parametrize("kind", ["java", "system"])
def test_javas_store_has_one_name(both: ObservedAnchors, old: Anchor, kind: str) -> None:
    """Whoever keeps it: keytool, or the system's own update."""
    stores = merged.read({"kept": [(old.name, "-", kind, "/opt/jre/cacerts", "keytool")]})
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
        merged.read({word: [tuple(line.split())]})
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
    assert f" {old.sha256} (a, b)" in str(error.value)
    assert f" {new.sha256} (a, b)" in str(error.value)
    with pytest.raises(AnchorlineError, match="several CAs"):
        choose("a" * 12, hosts, ["a" * 64, "a" * 63 + "b"])


def holds(*lines: str) -> ObservedAnchors:
    return ObservedAnchors(ObservedTrust((), None, marker=lines))


def test_a_host_that_claims_a_ca_of_the_same_digits_is_passed_by_with_all_64() -> None:
    ours, theirs = "ab" * 32, f"{'ab' * 31}cd"
    hosts = {"a": holds(f"ca {ours}"), "liar": holds(f"ca {theirs}")}
    with pytest.raises(AnchorlineError) as error:
        choose(ours[:12], hosts)
    assert str(error.value) == (
        f"several CAs begin with {ours[:12]}: {ours} (a); {theirs} (liar); "
        "give more digits of the one that shall go, or all 64, which no other CA has"
    )
    assert choose(ours, hosts) == ours


@pytest.mark.parametrize("content", [b"", b"another"], ids=["empty", "another certificate"])
def test_a_file_that_bears_a_cas_digits_alone_is_no_second_ca(content: bytes) -> None:
    """The one that knows it whole says which it is."""
    sha = "ab" * 32
    liar = ObservedAnchors(ObservedTrust((), None), {f"{DEBIAN.folder}/anchorline-blue-{sha[:12]}.crt": content})
    for hosts in ({"a": holds(f"ca {sha}"), "liar": liar}, {"liar": liar}):
        assert choose(sha, hosts) == sha
    assert choose(sha[:12], {"a": holds(f"ca {sha}"), "liar": liar}) == sha


def test_thousands_of_claims_are_counted() -> None:
    liar = holds(*(f"ca {'ab' * 6}{number:052x}" for number in range(5000)))
    with pytest.raises(AnchorlineError) as error:
        choose("ab" * 6, {"liar": liar})
    assert "; and 4,995 more; give more digits" in str(error.value)
    assert len(str(error.value)) < 800


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
