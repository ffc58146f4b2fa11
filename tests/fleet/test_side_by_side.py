"""Two sites and two generations in all stores: one is taken away, and the other isn't touched, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.certificates import other_ca, sha256, short
from tests.fleet.conftest import CLIENTS, HOSTS, Site
from tests.fleet.pulls import UNTRUSTED
from tests.fleet.sites import OURS, THEIRS, staging
from tests.fleet.verbs import DISTRUST, WITHDRAW

pytestmark = pytest.mark.fleet

YES, NO = "yes yes", "no no"
FILES = (
    "find /etc/docker /etc/containers /etc/containerd /usr/local/share/ca-certificates "
    "/etc/ca-certificates/trust-source /etc/pki/ca-trust/source /var/lib/anchorline "
    "-path '*docker/registry*' -prune -o -type f -print 2>/dev/null | sort | "
    "while read -r f; do echo \"$f $(stat -c '%i %Y %a %U' $f) $(sha256sum <$f)\"; done"
)
HASHED = {
    **dict.fromkeys(HOSTS, "/etc/ssl/certs"),
    "fedora-layout": "/etc/pki/ca-trust/extracted/pem/directory-hash",
}
PULL = {
    "debian": "docker pull {ref} && docker image rm {ref}",
    "arch-layout": "podman pull --retry 0 {ref} && podman image rm {ref}",
    "fedora-layout": "ctr i pull --hosts-dir /etc/containerd/certs.d {ref} && ctr i rm {ref}",
}


def files(site: Site, *others: str) -> dict[str, list[str]]:
    """By host: each file of the stores that bears none of these words, with its inode, time, mode, owner, hash."""
    lines = {host: site.lab.exec(host, FILES).stdout.splitlines() for host in HOSTS}
    return {host: [line for line in each if not any(word in line for word in others)] for host, each in lines.items()}


def believed(site: Site, host: str, cas: dict[str, str]) -> dict[str, str]:
    """Which of these CAs a host trusts: as OpenSSL does by default, and by the folder of hash links alone."""
    by_hash = f"-no-CAfile -no-CAstore -CApath {HASHED[host]}"
    verify = "{{ openssl verify -partial_chain {} <<'PEM' >/dev/null 2>&1 && echo yes || echo no; }}\n{}PEM\n"
    text = "".join(verify.format(options, pem) for pem in cas.values() for options in ("", by_hash))
    said = site.lab.exec(host, "sh", input=text).stdout.split()
    return {name: " ".join(said[2 * number : 2 * number + 2]) for number, name in enumerate(cas)}


def pulled(site: Site, host: str, name: str, of: str) -> str:
    """What a pull fails with, or nothing."""
    done = site.lab.exec(host, PULL[host].format(ref=f"{name}/anchorline/verify:{of}-all"))
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.drill
def test_one_goes_and_the_other_is_untouched(site: Site, tmp_path: Path) -> None:
    old = other_ca(site, "old")
    site.declare(trust={"also": ["old.pem"]})
    site.deploy().ok()
    other = staging(site, tmp_path / "staging")
    for host in CLIENTS:  # by hand, so that the name is known when the site's own line has gone with its last CA
        site.lab.exec(host, "echo '192.0.2.10 staging.example.com' >>/etc/hosts")
    other.deploy().ok()
    cas = {name: (each.pki / "ca.pem").read_text() for name, each in (("ours", site), ("theirs", other))}
    cas["old"] = (site.folder / "old.pem").read_text()
    for host in HOSTS:
        assert believed(site, host, cas) == {"ours": YES, "theirs": YES, "old": YES}, host

    # the old generation goes: the new one and the other site stay. The memory alone is of both
    exempt = (short(old), "/production/anchors ", "/production/keystores ", "/verified ")
    before = files(site, *exempt)
    assert all(len(before[host]) >= 4 for host in PULL), "or there is nothing to compare"
    site.declare(trust={"also": []})
    site.deploy("--data", f"ca={old}", step=WITHDRAW).ok()
    assert files(site, *exempt) == before
    assert not any(short(old) in line for lines in files(site).values() for line in lines)
    for host in HOSTS:
        assert believed(site, host, cas) == {"ours": YES, "theirs": YES, "old": NO}, host
    for host in PULL:
        assert pulled(site, host, OURS, "production") == "", host
        assert pulled(site, host, THEIRS, "staging") == "", host

    # the other site's goes, though it serves: ours stays in each runtime's store as well
    theirs = (short(sha256(other.pki / "ca.pem")), "staging")
    before = files(site, *theirs)
    other.deploy("--data", f"ca={theirs[0]}", step=DISTRUST).ok()
    assert files(site, *theirs) == before
    for host in HOSTS:
        assert believed(site, host, cas) == {"ours": YES, "theirs": NO, "old": NO}, host
    for host in PULL:
        assert pulled(site, host, OURS, "production") == "", host
        said = pulled(site, host, THEIRS, "staging")
        assert any(word in said for word in UNTRUSTED), said
    assert not site.deploy().ok().changed
