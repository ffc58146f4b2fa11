from __future__ import annotations

import pytest

from anchorline.trust.stores.families import FAMILIES, family_of

ALL = [family.name for family in FAMILIES]


@pytest.mark.parametrize(
    ("os_ids", "present", "name"),
    [
        (["debian"], ["debian"], "debian"),
        (["ubuntu", "debian"], ["debian"], "debian"),
        (["linuxmint", "ubuntu", "debian"], ["ubuntu", "debian"], "ubuntu"),
        (["pop", "ubuntu", "debian"], ALL, "ubuntu"),
        (["almalinux", "rhel", "centos", "fedora"], ALL, "fedora"),
        (["amzn", "fedora"], ALL, "fedora"),
        (["azurelinux"], ALL, "fedora"),
        (["manjaro", "arch"], ALL, "arch"),
        (["opensuse-tumbleweed", "opensuse", "suse"], ALL, "suse"),
        (["sles", "suse"], ALL, "suse"),
        (["alpine"], ALL, "alpine"),
        (["photon"], ALL, "photon"),
        (["flatcar", "coreos"], ALL, "flatcar"),
        (["gentoo"], ALL, "gentoo"),
        (["void"], ALL, "void"),
        (["nixos"], ALL, "nixos"),
        # ostree variants name the system that they are made of
        (["fedora"], ["fedora"], "fedora"),
        (["rhcos", "rhel", "fedora"], ALL, "fedora"),
        (["opensuse-microos", "suse", "opensuse"], ALL, "suse"),
        (["rocky", "rhel", "centos", "fedora"], ["fedora"], "fedora"),
        (["manjaro", "arch"], ["arch"], "arch"),
        # ID before ID_LIKE, whatever order the rows have
        (["fedora", "debian"], ALL, "fedora"),
        (["arch", "debian"], ALL, "arch"),
        # the first word's tools are missing: the next word decides
        (["arch", "debian"], ["debian"], "debian"),
    ],
)
def test_the_row_of_a_system(os_ids: list[str], present: list[str], name: str) -> None:
    family = family_of(os_ids, present)
    assert family is not None
    assert family.name == name


@pytest.mark.parametrize(
    ("os_ids", "present"),
    [
        (["slackware"], ALL),  # folders of other systems lie about
        (["debian"], []),  # the name alone: no update command, or no folder
        (["debian"], ["fedora"]),
        ([], ALL),
        (["Debian"], ["debian"]),  # os-release(5): ID is lower case
    ],
)
def test_no_row_is_better_than_a_wrong_one(os_ids: list[str], present: list[str]) -> None:
    assert family_of(os_ids, present) is None


def test_the_table() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    words = [word for family in FAMILIES for word in family.ids]
    assert len(set(words)) == len(words), "an ID in two rows"
    for family in FAMILIES:
        paths = [family.folder, family.told_by, family.command, family.bundle, *family.sources]
        # the probe reads a row word by word, and the sources joined by colons
        assert not any(mark in path for path in paths for mark in " :\t\n"), family.name
        assert all(path.startswith("/") for path in [*paths, family.repair]), family.name
        assert family.folder in family.sources, family.name
        assert family.repair.startswith(family.command), family.name
        assert not any("anchorline-site" in each for each in (family.update, family.repair)), "a file is no command's"
        assert family.verified.partition(" 2")[0] in ("real userland", "layout", "documentation"), family.name
        assert all(path[:1] in ("", "/") for path in (family.hashed, family.p11, family.blocklist, family.java))
        assert bool(family.blocklist) <= bool(family.p11), family.name


def test_the_file_of_an_anchor() -> None:
    assert {family.path("anchorline-blue-1.crt").rpartition("/")[2] for family in FAMILIES} == {
        "anchorline-blue-1.crt",
        "anchorline-blue-1.pem",
    }
