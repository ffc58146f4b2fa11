"""What somebody else made: all that can be wrong with it is said at once, and nothing is issued in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import State, keys, profile, stage, survey
from anchorline.authority.check import check
from anchorline.authority.stage import EXTERNAL
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec import check as check_spec
from tests.unit.external import (
    DAY,
    ENDED,
    FOR_CLIENTS,
    HOSTS,
    MIDDLE,
    NOW,
    OTHER,
    ROOT,
    BroughtSite,
    Cert,
    leaf,
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BroughtSite:
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)
    return BroughtSite(tmp_path)


def test_it_is_served_as_it_is(site: BroughtSite) -> None:
    mine = leaf(MIDDLE)
    site.bring(mine, MIDDLE)
    staged = stage(site.spec, NOW)
    assert (staged.changes, staged.is_new_ca, staged.ca) == ((), False, ROOT.certificate)
    assert staged.pair("server").certificate_pem.encode() == mine.pem + MIDDLE.pem
    key: Any = serialization.load_pem_private_key(staged.pair("server").key_pem.encode(), None)
    assert keys.fit(key, mine.certificate.public_key())
    assert staged.vouching("server") == EXTERNAL + ROOT.pem.decode()
    staged.commit()
    assert not (site.folder / "pki").exists()
    assert site.check() == []


def test_the_root_at_the_end_of_the_file_is_not_sent(site: BroughtSite) -> None:
    site.bring(leaf(MIDDLE), MIDDLE, ROOT)
    assert stage(site.spec, NOW).certificate("server").pem.count("BEGIN") == 2


def test_no_key_is_read_unless_it_is_served(site: BroughtSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.bring(leaf(ROOT))
    with monkeypatch.context() as patch:
        patch.setattr(keys, "read", lambda *_: pytest.fail("a key was read"))
        stage(site.spec, NOW)
    (site.folder / "server-key.pem").unlink()
    (status,) = survey(site.spec, NOW).certificates
    assert (status.state, status.problem) == (State.OK, None)
    assert "server-key.pem isn't here: it can't be served" in status.reason
    assert [each.warning for each in site.check()] == [True]
    with pytest.raises(AuthorityError, match=r"server-key\.pem: No such file"):
        stage(site.spec, NOW).pair("server")


def test_the_key_of_another(site: BroughtSite) -> None:
    site.bring(leaf(ROOT), key=OTHER)
    with pytest.raises(AuthorityError, match=r"server-key\.pem: this is not the key of CN=Registry"):
        stage(site.spec, NOW).pair("server")
    (problem,) = site.check()
    assert "is not the key of" in problem.cause
    assert (problem.place.line, problem.place.key, problem.warning) == (4, "certificates.server.key", False)


def test_a_key_in_reach_of_others(site: BroughtSite) -> None:
    site.bring(leaf(ROOT))
    (site.folder / "server-key.pem").chmod(0o644)
    assert "in reach of other users" in site.problem()


def test_an_encrypted_key(site: BroughtSite, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = leaf(ROOT)
    site.bring(mine)
    site.put("server-key.pem", keys.write(mine.key, "secret"))
    assert site.check() == []
    with pytest.raises(PassphraseError, match="set ANCHORLINE_PASSPHRASE"):
        stage(site.spec, NOW).pair("server")
    monkeypatch.setenv(keys.PASSPHRASE, "wrong")
    assert "is not this key's passphrase" in site.check()[0].cause
    monkeypatch.setenv(keys.PASSPHRASE, "secret")
    assert site.check() == []
    assert "BEGIN PRIVATE KEY" in stage(site.spec, NOW).pair("server").key_pem


LOW = Cert("Low", ROOT, pathlen=0)
CONSTRAINED = Cert(
    "Constrained", more=(x509.NameConstraints([x509.DNSName("example.org"), x509.DNSName("192.0.2.10")], None),)
)


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ((leaf(MIDDLE),), "its chain ends at CN=Registry, which no CA that hosts trust has issued"),
        ((MIDDLE, leaf(MIDDLE)), "CN=Company Issuing stands first and is a CA"),
        ((leaf(MIDDLE), ROOT, MIDDLE), "CN=Registry is issued by CN=Company Issuing, and after it stands CN=Company R"),
        ((leaf(MIDDLE), MIDDLE, OTHER), "CN=Company Issuing is issued by CN=Company Root, and after it stands CN=Oth"),
        ((leaf(OTHER), OTHER), "its chain ends at CN=Other Root"),
        ((leaf(ROOT, ends=-DAY),), "CN=Registry ended on"),
        ((leaf(ROOT, begins=DAY),), "CN=Registry begins at"),
        ((leaf(old := Cert("Old", ROOT, ends=-DAY)), old), "CN=Old ended on"),
        ((leaf(new := Cert("New", ROOT, begins=DAY)), new), "CN=New begins at"),
        ((leaf(ROOT, more=(FOR_CLIENTS,)),), "its extended key usages lack server auth"),
        ((leaf(ROOT, more=(profile.authority_key_usage(),)),), "its key usages lack digital signature"),
        ((leaf(ROOT, hosts=HOSTS[:1]),), "it is for registry.example.com, and the registry is reached as 192.0.2.10"),
        ((leaf(ROOT, hosts=("*.com", HOSTS[1])),), "it is for *.com, 192.0.2.10, and the registry is reached as reg"),
        ((leaf(ROOT, hosts=()),), "it is for nobody"),
        ((leaf(mid := Cert("Mid", LOW)), mid, LOW), "more CAs stand below CN=Low than its pathlen permits"),
        ((leaf(no := leaf(ROOT)), no), "CN=Registry is not a CA certificate"),
    ],
)
def test_what_is_wrong_with_it(site: BroughtSite, chain: tuple[Cert, ...], said: str) -> None:
    site.bring(*chain)
    assert said in site.problem()


def test_all_of_it_at_once(site: BroughtSite) -> None:
    site.bring(leaf(OTHER, ends=-DAY, hosts=("a.example.com",), more=(FOR_CLIENTS,)))
    (site.folder / "server-key.pem").chmod(0o666)
    assert len(site.problem().splitlines()) == 6
    assert survey(site.spec, NOW).certificates[0].state is State.EXPIRED


def test_its_ca_is_held_to_its_constraints(site: BroughtSite) -> None:
    site.put("root.pem", CONSTRAINED.pem)
    site.bring(leaf(CONSTRAINED))
    assert "its CA may not vouch for registry.example.com" in site.problem()


@pytest.mark.parametrize("make", [lambda: leaf(ROOT, hosts=("*.example.com", "192.0.2.10")), lambda: leaf(ROOT)])
def test_a_wildcard_covers_and_no_usage_is_needed(site: BroughtSite, make: Callable[[], Cert]) -> None:
    site.bring(make())
    assert stage(site.spec, NOW).certificate("server")


def test_what_ends_soon_is_told_and_stops_nothing(site: BroughtSite) -> None:
    site.bring(leaf(ROOT, ends=10 * DAY))
    (status,) = survey(site.spec, NOW).certificates
    assert (status.state, status.problem) == (State.DUE, None)
    assert "nothing here renews it: put the next one into" in status.reason
    staged = stage(site.spec, NOW)
    assert staged.changes == ()
    assert staged.certificate("server")
    assert [each.warning for each in site.check()] == [True]


def test_a_public_ca(site: BroughtSite) -> None:
    """Without an authority of the site only the order counts: the system's own roots vouch for it."""
    site.authority = ""
    site.bring(leaf(MIDDLE), MIDDLE)
    staged = stage(site.spec, NOW)
    assert (staged.anchors, staged.ca, staged.vouching("server")) == ((), None, EXTERNAL)
    site.bring(leaf(MIDDLE), OTHER)
    assert "after it stands CN=Other Root" in site.problem()


def test_a_root_of_trust_also(site: BroughtSite) -> None:
    site.put("also.pem", OTHER.pem)
    site.more = "trust: {also: [also.pem]}\n"
    site.bring(leaf(OTHER))
    assert stage(site.spec, NOW).vouching("server") == EXTERNAL + OTHER.pem.decode()
    site.authority = "{CN: Fleet CA}"
    staged = stage(site.spec, NOW)
    assert [change.name for change in staged.changes] == ["ca"]
    staged.commit()
    assert sorted(path.name for path in site.spec.pki.iterdir() if "server" in path.name) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{certificate: server.pem}", "certificates.server: `key` is missing"),
        ("{certificate: server.pem, key: k.pem, profile: server}", "certificates.server.profile: unknown key"),
        ("{certificate: server.pem, key: k.pem, CN: x}", "certificates.server.CN: unknown key"),
        ("{certificate: server.pem, key: k.pem, hosts: [x]}", "certificates.server.hosts: unknown key"),
        ("{certificate: nowhere.pem, key: k.pem}", "ANC131"),
    ],
)
def test_what_the_spec_takes_beside_it(site: BroughtSite, entry: str, said: str) -> None:
    site.bring(leaf(ROOT))
    _ = site.spec
    file = site.folder / "anchorline.yml"
    file.write_text(file.read_text().replace("{certificate: server.pem, key: server-key.pem}", entry))
    assert [said in str(each) for each in check_spec(file).errors] == [True]
    assert list(check(file)) == []


class TestACaThatExists:
    """``authority: {certificate, key}``."""

    @pytest.fixture
    def site(self, site: BroughtSite) -> BroughtSite:
        site.bring(leaf(ROOT))
        site.authority = "{certificate: ca.pem, key: ca-key.pem}"
        site.put("ca-key.pem", keys.write(MIDDLE.key))
        return site

    @pytest.mark.parametrize("chain", [(MIDDLE, ROOT), (ROOT, MIDDLE), (ROOT, MIDDLE, ROOT)])
    def test_its_chain_in_any_order(self, site: BroughtSite, chain: tuple[Cert, ...]) -> None:
        site.put("ca.pem", b"".join(each.pem for each in chain))
        found = survey(site.spec, NOW)
        assert found.chain is not None
        assert (found.chain.issuer, found.chain.root) == (MIDDLE.certificate, ROOT.certificate)
        assert site.check() == []

    @pytest.mark.parametrize(
        ("chain", "said"),
        [
            ((MIDDLE,), "CN=Company Issuing is issued by CN=Company Root, which isn't here; add it to the file"),
            ((MIDDLE, ROOT, OTHER), "CN=Company Issuing and CN=Other Root don't belong to one chain"),
            ((old := Cert("Old", ROOT, ends=-DAY), ROOT), "the CA CN=Old ended on"),
            ((Cert("Mid", ENDED), ENDED), "the CA CN=Ended Root ended on"),
            ((Cert("New", ROOT, begins=DAY), ROOT), "CN=New begins at"),
            ((Cert("Mid", LOW), LOW, ROOT), "more CAs stand below CN=Low than its pathlen permits"),
            ((leaf(ROOT), ROOT), "CN=Registry is not a CA certificate"),
        ],
    )
    def test_what_is_wrong_with_it(self, site: BroughtSite, chain: tuple[Cert, ...], said: str) -> None:
        site.put("ca.pem", b"".join(each.pem for each in chain))
        with pytest.raises(AuthorityError, match=said):
            stage(site.spec, NOW)
        assert any(said in str(each) and each.place.key == "authority.certificate" for each in site.check())

    def test_the_key_of_another(self, site: BroughtSite) -> None:
        site.put("ca.pem", MIDDLE.pem + ROOT.pem)
        site.put("ca-key.pem", keys.write(OTHER.key))
        (problem,) = site.check()
        assert "ca-key.pem: this is not the key of CN=Company Issuing" in problem.cause
        assert problem.place.key == "authority.key"

    @pytest.mark.parametrize(("content", "said"), [(b"garbage\n", "no private key in PEM"), (b"", "the file is empty")])
    def test_a_key_that_is_none(self, site: BroughtSite, content: bytes, said: str) -> None:
        site.put("ca.pem", MIDDLE.pem + ROOT.pem)
        assert survey(site.spec, NOW).statuses[0].state is State.OK
        site.put("ca-key.pem", content)
        status = survey(site.spec, NOW).statuses[0]
        assert status.state is State.BROKEN
        assert said in status.reason
        with pytest.raises(AuthorityError, match=f"ca-key.pem: {said}"):
            stage(site.spec, NOW)
        (problem,) = site.check()
        assert said in str(problem)
