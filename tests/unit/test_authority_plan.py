"""The states of the CA and of certificates, each with its reason, and what a run does about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchorline.authority import State, Survey, stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.errors import AuthorityError
from anchorline.spec.model import Spec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Site:
    """A site on the disk whose spec changes between runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority: dict[str, Any] = {"CN": "Fleet CA", "names": [{"O": "Fleet"}]}
        self.request: dict[str, Any] = {"profile": "server", "CN": "Registry", "hosts": ["a.example.com", "192.0.2.10"]}
        self.renewal: dict[str, Any] = {}
        self.profile: dict[str, Any] = {"expiry": "90d", "usages": ["signing", "server auth"]}

    @property
    def spec(self) -> Spec:
        return Spec.model_validate(
            {
                "version": 1,
                "site": "test",
                "authority": self.authority,
                "signing": {"profiles": {"server": self.profile}},
                "certificates": {"server": self.request},
                "renewal": self.renewal,
            }
        ).model_copy(update={"file": self.folder / "anchorline.yml"})

    def survey(self, now: datetime = NOW) -> Survey:
        return survey(self.spec, now)

    def state(self, now: datetime = NOW) -> tuple[State, str]:
        """The state and the reason of ``server``."""
        status = self.survey(now).certificates[0]
        return status.state, status.reason

    def run(self, now: datetime = NOW) -> None:
        stage(self.spec, now).commit()

    def read(self, file: str) -> bytes:
        return (self.spec.pki / file).read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.run()
    return site


def test_nothing_there_is_missing_and_after_a_run_all_is_well(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert [status.state for status in site.survey().statuses] == [State.MISSING, State.MISSING]
    site.run()
    assert [(status.state, status.reason) for status in site.survey().statuses] == [(State.OK, "")] * 2
    assert site.survey().statuses[1].certificate is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hosts": ["a.example.com", "b.example.com"]}, "names: +b.example.com -192.0.2.10"),
        ({"hosts": []}, "names: -192.0.2.10 -a.example.com"),
        ({"CN": "Other"}, "subject: CN=Registry, now CN=Other"),
        ({"CN": None}, "subject: CN=Registry, now (none)"),
        ({"names": [{"O": "Fleet"}]}, "subject: CN=Registry, now CN=Registry,O=Fleet"),
        ({"key": {"algo": "ecdsa", "size": 384}}, "key: ecdsa 256, now ecdsa 384"),
        ({"key": {"algo": "ed25519"}}, "key: ecdsa 256, now ed25519"),
    ],
)
def test_a_changed_request_is_drift_and_is_issued_again(site: Site, change: dict[str, Any], reason: str) -> None:
    key = site.read("server-key.pem")
    site.request |= change
    assert site.state() == (State.DRIFT, reason)
    site.run()
    assert site.state() == (State.OK, "")
    assert (site.read("server-key.pem") == key) is ("key" not in change)


@pytest.mark.parametrize("usages", [["signing", "client auth"], ["content commitment", "server auth"], ["signing"]])
def test_changed_usages_are_drift(site: Site, usages: list[str]) -> None:
    site.profile["usages"] = usages
    assert site.state() == (State.DRIFT, "usages")
    site.run()
    assert site.state() == (State.OK, "")


def test_the_order_of_names_another_life_and_a_usage_without_effect_are_no_drift(site: Site) -> None:
    site.request["hosts"] = ["192.0.2.10", "a.example.com", "a.example.com"]
    site.profile = {"expiry": "10d", "usages": ["server auth", "key encipherment", "digital signature"]}
    assert site.state() == (State.OK, "")


def test_an_address_written_as_a_dns_name_is_drift(site: Site) -> None:
    from cryptography import x509

    from anchorline.authority.plan import differences_of
    from anchorline.authority.profile import wanted

    found = site.survey()
    certificate = found.certificates[0].certificate
    assert certificate is not None
    assert found.chain is not None
    asked = wanted(site.spec, "server")
    as_text = x509.SubjectAlternativeName([x509.DNSName("192.0.2.10"), x509.DNSName("a.example.com")])
    object.__setattr__(asked, "names", as_text)
    assert differences_of(asked, certificate, found.chain.issuer) != []


def test_a_third_of_the_life_left_is_enough(site: Site) -> None:
    assert site.state(NOW + 59 * DAY) == (State.OK, "")
    state, reason = site.state(NOW + 61 * DAY)
    assert (state, "2026-05-29" in reason) == (State.DUE, True)


@pytest.mark.parametrize("rekey", [True, False])
def test_what_is_due_is_renewed_with_its_key_or_another(site: Site, rekey: bool) -> None:
    site.renewal = {"rekey": rekey}
    key, certificate = site.read("server-key.pem"), site.read("server.pem")
    for later in (61 * DAY, 400 * DAY):
        old = site.read("server.pem"), site.read("server-key.pem")
        site.run(NOW + later)
        assert site.state(NOW + later) == (State.OK, "")
        assert (site.read("previous/server.pem"), site.read("previous/server-key.pem")) == old
    assert (site.read("server-key.pem") != key) is rekey
    assert site.read("server.pem") != certificate


@pytest.mark.parametrize(("before", "days"), [("50%", 45), ("240h", 80), ("33%", 60)])
def test_when_a_certificate_is_due_is_the_specs_word(site: Site, before: str, days: int) -> None:
    site.renewal = {"before": before}
    assert site.state(NOW + (days - 1) * DAY) == (State.OK, "")
    state, reason = site.state(NOW + (days + 1) * DAY)
    assert (state, before in reason) == (State.DUE, True)


def test_what_has_ended_is_expired(site: Site) -> None:
    assert site.state(NOW + 91 * DAY) == (State.EXPIRED, "it ended on 2026-05-29")


def test_a_certificate_that_ends_with_its_ca_is_not_renewed_for_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.authority["ca"] = {"expiry": "60d"}
    site.run()
    state, reason = site.state(NOW + 59 * DAY)
    assert state is State.OK
    assert "with its CA" in reason
    assert stage(site.spec, NOW + 59 * DAY).changes == ()


def test_a_certificate_of_another_ca_is_drift(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.run()
    (site.spec.pki / "server.pem").write_bytes(other.read("server.pem"))
    (site.spec.pki / "server-key.pem").write_bytes(other.read("server-key.pem"))
    state, reason = site.state()
    assert state is State.DRIFT
    assert reason.startswith("issuer: ")
    site.run()
    assert site.state() == (State.OK, "")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"CN": "Other CA"}, "subject is CN=Fleet CA, O=Fleet, the spec says CN=Other CA, O=Fleet"),
        ({"names": []}, "subject is CN=Fleet CA, O=Fleet, the spec says CN=Fleet CA"),
        ({"key": {"algo": "rsa"}}, "key is ecdsa 256, the spec says rsa 2048"),
        ({"ca": {"pathlen": 1}}, "pathlen is 0, the spec says 1"),
        (
            {"name_constraints": {"dns": ["example.com"], "ip": ["192.0.2.0/24"]}},
            "name_constraints is none, the spec says [192.0.2.0/24, example.com]",
        ),
    ],
)
def test_a_changed_authority_section_is_no_new_ca(site: Site, change: dict[str, Any], differs: str) -> None:
    before = site.survey().authority
    site.authority |= change
    status = site.survey().authority
    assert status is not None
    assert status.state is State.CHANGED
    with pytest.raises(AuthorityError) as caught:
        stage(site.spec, NOW)
    assert differs in str(caught.value)
    assert str(site.spec.pki / "ca.pem") in str(caught.value)
    assert "put the spec back" in str(caught.value)
    assert before is not None
    assert before.certificate == status.certificate


def test_another_life_of_the_ca_changes_nothing(site: Site) -> None:
    site.authority["ca"] = {"expiry": "1000h"}
    assert stage(site.spec, NOW).changes == ()


def test_the_order_of_constraints_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.authority["name_constraints"] = {"dns": ["example.com", "example.org"], "ip": ["192.0.2.0/24"]}
    site.run()
    site.authority["name_constraints"] = {"dns": ["example.org", "example.com"], "ip": ["192.0.2.0/24"]}
    assert stage(site.spec, NOW).changes == ()


def test_an_ended_ca_issues_nothing(site: Site) -> None:
    later = NOW + 3651 * DAY
    assert site.survey(later).statuses[0].state is State.EXPIRED
    with pytest.raises(AuthorityError, match=r"ended on 2036-02-\d\d"):
        stage(site.spec, later)


def test_several_problems_come_at_once(site: Site) -> None:
    (site.spec.pki / "server.pem").write_text("")
    site.authority["CN"] = "Other CA"
    with pytest.raises(AuthorityError, match=r"(?s)differs from this CA.*server\.pem: the file is empty"):
        stage(site.spec, NOW)


@pytest.mark.parametrize("name", ["ca", "server-key", "../server", "a/b", ".hidden", ""])
def test_a_name_that_makes_no_file_is_refused(tmp_path: Path, name: str) -> None:
    spec = Site(tmp_path).spec
    spec = spec.model_copy(update={"certificates": {name: spec.certificates["server"]}})
    with pytest.raises(AuthorityError, match="no name for a file"):
        stage(spec)


def test_certificates_need_an_authority(tmp_path: Path) -> None:
    spec = Site(tmp_path).spec.model_copy(update={"authority": None})
    with pytest.raises(AuthorityError, match="no authority"):
        stage(spec)


def test_the_ca_stays_while_certificates_come_and_go(site: Site) -> None:
    ca = fingerprint(site.survey().statuses[0].certificate)  # type: ignore[arg-type]
    site.request["hosts"] = ["c.example.com"]
    site.run()
    assert stage(site.spec, NOW).fingerprint == ca
