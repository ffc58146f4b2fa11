"""Who is kept from a file that they must read, as the doctor names it."""

from __future__ import annotations

from dataclasses import replace

from anchorline.registry import distribution
from anchorline.spec.model import Registry
from anchorline.verify.access import Denied
from anchorline.verify.diagnosis import Case, diagnose, on_the_host
from anchorline.verify.observed import read
from tests.unit.cases import found, sees

BUNDLE = Denied(frozenset({"debian", "ubuntu"}), "/etc/ssl/certs/ca-certificates.crt", "600 of root", "r")
KEY = Denied(
    frozenset({"registry"}), "/var/lib/anchorline/sites/blue/registry/server-key.pem", "600 of root", "r", "7:8"
)
DATA = Denied(frozenset({"registry"}), "/srv/the images/docker", "755 of root", "w", "7:8")


def test_who_is_kept_from_what_they_must_read(well: Case) -> None:
    assert found(sees(well, denied=(BUNDLE,))) == on_the_host(
        f"users can't read {BUNDLE.path}, mode 600 of root", f"chmod o+r {BUNDLE.path}"
    )
    assert diagnose(replace(sees(well, denied=(BUNDLE,)), stores=("docker",))) is None, "a store that isn't kept"
    assert diagnose(sees(well, denied=(replace(BUNDLE, whose=frozenset({"arch"})),))) is None, "another system's file"
    podman = replace(BUNDLE, whose=frozenset({"podman"}))
    case = replace(sees(well, denied=(podman,)), trust=replace(well.trust, tools=frozenset({"podman"})))
    assert diagnose(case) is None
    assert found(replace(case, stores=("podman",))).fix.startswith("chmod o+r ")
    label = replace(BUNDLE, has="a_u:b_r:c_t:s0", label="a_u:b_r:cert_t:s0", lacks="")
    assert found(sees(well, denied=(label,))) == on_the_host(
        f"{BUNDLE.path} has the SELinux label a_u:b_r:c_t:s0, not a_u:b_r:cert_t:s0", f"restorecon -R {BUNDLE.path}"
    )


def test_the_registry_is_given_what_is_its_own(well: Case) -> None:
    """A key's folder goes to its reader; it isn't opened to everybody."""
    served = replace(distribution.instance("blue", Registry(mode="local")), data="/srv/the images")
    case = replace(sees(well, reachability="refused", denied=(KEY, DATA)), container=served)
    folder = "/var/lib/anchorline/sites/blue/registry"
    assert found(case) == on_the_host(
        f"the registry (user 7:8) can't read {KEY.path}, mode 600 of root",
        f"chown -R 7:8 {folder} && docker restart registry",
    )
    assert found(sees(case, denied=(DATA,))) == on_the_host(
        "the registry (user 7:8) can't write to /srv/the images/docker, mode 755 of root",
        "chown -R 7:8 '/srv/the images/docker' && docker restart registry",
    )
    reachability = replace(KEY, path="/var/lib/anchorline", lacks="x")
    assert found(sees(case, denied=(reachability,))).fix == "chmod o+x /var/lib/anchorline"
    label = replace(KEY, has="a_u:b_r:c_t:s0", label="a_u:b_r:container_file_t:s0:c1,c2", lacks="", reader="")
    assert found(sees(case, denied=(label,))).fix == f"chcon -R {label.label} {folder} && docker restart registry"


def test_reading_who_is_kept() -> None:
    lines = (
        "denied podman rx 700 ops /etc/a b",
        "reader 7:8",
        "denied registry w 755 root /srv",
        "label debian x:y z /e f",
    )
    assert read(["clock 1", *lines]).denied == (
        Denied(frozenset({"podman"}), "/etc/a b", "700 of ops", "rx"),
        Denied(frozenset({"registry"}), "/srv", "755 of root", "w", "7:8"),
        Denied(frozenset({"debian"}), "/e f", "x:y", label="z"),
    )
