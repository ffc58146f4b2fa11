from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from anchorline.authority import Anchor
from anchorline.registry import distribution
from anchorline.registry.desired import Instance
from anchorline.spec.model import Registry
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.verify.verification import Verification, means, message, read, stamp, tag

REGISTRY = Registry.model_validate({"address": "registry.example.com", "certificate": "server"})
CONTAINER = distribution.instance("blue", REGISTRY)
ANCHOR = Anchor("anchorline-blue-1.crt", "PEM\n", "1" * 64, "CN=Blue CA", datetime(2036, 1, 1, tzinfo=UTC))
WANTED = DesiredTrust(
    "blue",
    (ANCHOR,),
    frozenset({"1" * 64}),
    (),
    ("system", "docker", "podman", "containerd"),
    ("registry.example.com",),
    "",
)
TRUST = ObservedTrust(("debian",), None, tools=frozenset({"docker", "curl"}))
LEAF = "2" * 64


def test_reading_what_a_trip_printed() -> None:
    verified, digest = read(
        [
            "noise",
            "verification docker pushed ok 1530 ",
            "verification podman pulled failed 20 x509: certificate signed by unknown authority",
            f"digest sha256:{'12' * 32}",
        ]
    )
    assert digest == f"sha256:{'12' * 32}"
    assert verified == [
        Verification("docker", "pushed", True, 1530),
        Verification("podman", "pulled", False, 20, "x509: certificate signed by unknown authority"),
    ]


@pytest.mark.parametrize("said", ["", "sha256:12", f"sha256:{'1' * 64} x", f"md5:{'1' * 32}", "$(reboot)", "x" * 9999])
def test_what_is_no_digest_is_no_other_hosts_business(said: str) -> None:
    assert read([f"digest {said}"]) == ([], "")


def test_a_trip_that_printed_nothing_proves_nothing() -> None:
    assert read([]) == ([], "")


def test_what_the_summary_says_of_a_trip() -> None:
    trip = [
        Verification("docker", "pushed", True, 1500),
        Verification("docker", "pulled", True, 300),
        Verification("curl", "pulled", True, 20),
    ]
    assert message(trip) == "docker pushed, pulled; curl pulled (1.8 s)"


@pytest.mark.parametrize("words", ["blue all", "blue @fake/host", "x" * 300, "blue ü:/%"])
def test_every_word_makes_a_tag(words: str) -> None:
    """OCI distribution-spec 1.1: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}."""
    assert re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag(words))


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([], ()),
        (["curl"], ("curl",)),
        (["curl", "containerd", "podman", "docker"], ("docker", "podman", "containerd", "curl")),
        (["docker"], ("docker",)),
    ],
)
def test_what_a_host_can_prove_with(tools: list[str], expected: tuple[str, ...]) -> None:
    assert means(WANTED, CONTAINER, replace(TRUST, tools=frozenset(tools))) == expected


def test_it_proves_with_what_is_kept_alone() -> None:
    """A store that the spec leaves out would make the trip fail; a local registry is nothing for Podman."""
    trust = replace(TRUST, tools=frozenset({"docker", "podman", "curl"}))
    assert means(replace(WANTED, stores=("docker",)), CONTAINER, trust) == ("docker",)
    assert means(replace(WANTED, stores=("system",)), CONTAINER, trust) == ("curl",)
    local = distribution.instance("blue", Registry(mode="local"))
    assert means(replace(WANTED, stores=()), local, trust) == ("docker", "curl")


def test_a_stamp_stays_while_nothing_changes() -> None:
    assert stamp(WANTED, CONTAINER, LEAF, TRUST) == stamp(WANTED, CONTAINER, LEAF, replace(TRUST, marker=("x",)))
    assert stamp(replace(WANTED, anchors=()), CONTAINER, LEAF, TRUST) == stamp(WANTED, CONTAINER, LEAF, TRUST), "others"


@pytest.mark.parametrize(
    ("wanted", "container", "leaf", "trust"),
    [
        (replace(WANTED, own=frozenset({"3" * 64})), CONTAINER, LEAF, TRUST),
        (replace(WANTED, own=frozenset()), CONTAINER, LEAF, TRUST),
        (replace(WANTED, names=("registry.example.com", "192.0.2.10")), CONTAINER, LEAF, TRUST),
        (WANTED, distribution.instance("green", REGISTRY), LEAF, TRUST),
        (WANTED, replace(CONTAINER, image="registry:2"), LEAF, TRUST),
        (WANTED, replace(CONTAINER, configuration="version: 0.1"), LEAF, TRUST),
        (WANTED, CONTAINER, "3" * 64, TRUST),
        (WANTED, CONTAINER, LEAF, replace(TRUST, tools=frozenset({"podman", "curl"}))),
        (WANTED, CONTAINER, LEAF, replace(TRUST, tools=frozenset({"docker"}))),
    ],
    ids=["anchor", "no anchor", "name", "site", "image", "configuration", "certificate", "runtime", "no curl"],
)
def test_what_makes_the_trip_due_again(
    wanted: DesiredTrust, container: Instance, leaf: str, trust: ObservedTrust
) -> None:
    assert stamp(wanted, container, leaf, trust) != stamp(WANTED, CONTAINER, LEAF, TRUST)
