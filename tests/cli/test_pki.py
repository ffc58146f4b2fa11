"""``anchorline pki``, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from anchorline.authority.generations import promote
from anchorline.spec import load

from .sites import SPEC, PkiSite


def test_a_new_site_from_show_to_issue_and_back(pki: PkiSite) -> None:
    assert "missing" in pki("show")
    assert not pki.pki.exists()
    said = pki("issue")
    assert "Made a new CA, which no host trusts yet: CN=Example Fleet CA" in said
    assert "ca-key.pem" in said
    assert "server.pem: missing: not issued yet" in said
    before = pki.files()
    shown = pki("show")
    assert "missing" not in shown
    assert "registry.example.com" in shown
    assert pki("issue") == "Nothing to issue.\n"
    assert pki.files() == before


def test_show_of_trust_alone_has_no_table(pki: PkiSite) -> None:
    """Nothing is issued there: no header stands above nothing."""
    pki("issue")
    (pki.folder / "root.pem").write_bytes((pki.pki / "ca.pem").read_bytes())
    assert "SHA-256" in pki("show"), "or this proves nothing"
    pki.spec.write_text("version: 1\nsite: other\ntrust: {also: [root.pem]}\n")
    assert pki("show") == f"other: {pki.folder}/pki/other\n"


def test_show_for_programs(pki: PkiSite) -> None:
    pki("issue")
    for key in pki.pki.glob("*-key.pem"):
        key.unlink()
    ca, server, other = json.loads(pki("show", "--format", "json"))["certificates"]
    assert (ca["name"], server["name"], other["name"]) == ("ca", "server", "other")
    assert (ca["state"], ca["days"], ca["reason"]) == ("ok", 3649, "")
    assert server["names"] == ["192.0.2.10", "registry.example.com"]
    assert server["file"] == str(pki.pki / "server.pem")
    text = subprocess.run(
        ["openssl", "x509", "-in", str(pki.pki / "server.pem"), "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert text.strip().partition("=")[2].replace(":", "").lower() == server["sha256"]


def test_show_draws_a_rotation(pki: PkiSite) -> None:
    pki("issue")
    assert "rotation:" not in pki("show")
    pki("rotate")
    said = pki("show")
    assert "rotation: made ─●─ trusted ── promoted ── withdrawn: no host trusts CN=" in said
    assert "The next deploy puts it beside the present one on every host" in said
    promote(load(pki.spec)).commit()
    said = pki("show")
    assert "rotation: made ── trusted ── promoted ─●─ withdrawn: hosts trust CN=" in said
    assert "pyinfra inventory anchorline.trust.withdraw --data ca=" in said


def test_show_tells_what_a_deploy_would_refuse(pki: PkiSite) -> None:
    pki("issue")
    (pki.pki / "server-key.pem").chmod(0o644)
    said = pki("show", code=1)
    assert "broken" in said
    assert f"chmod 600 {pki.pki / 'server-key.pem'}" in said
    assert "chmod 600" in pki("issue", code=1)


def test_only_those_named_are_issued(pki: PkiSite) -> None:
    pki("issue", "other")
    assert not (pki.pki / "server.pem").exists()
    assert "known here: other, server" in pki("issue", "nobody", code=1)
    assert "server.pem" in pki("issue", "server")


def test_a_passphrase_protects_every_key(pki: PkiSite) -> None:
    pki("issue", passphrase="secret")
    for key in pki.pki.glob("*-key.pem"):
        assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    pki("show")
    assert pki("issue") == "Nothing to issue.\n"
    pki.spec.write_text(SPEC.replace("hosts: [other.example.com]", "hosts: [third.example.com, other.example.com]"))
    assert "names: +third.example.com" in pki("show")
    before = pki.files()
    assert "set ANCHORLINE_PASSPHRASE" in pki("issue", code=1)
    assert "is not this key's passphrase" in pki("issue", code=1, passphrase="wrong")
    assert pki.files() == before
    assert "drift: names: +third.example.com" in pki("issue", passphrase="secret")


def test_a_changed_authority_is_refused(pki: PkiSite) -> None:
    pki("issue")
    pki.spec.write_text(SPEC.replace("Example Fleet CA", "Another CA"))
    assert "put the spec back" in pki("issue", code=1)
    assert "changed" in pki("show", code=1)


def test_export_hands_out_what_is_public(pki: PkiSite) -> None:
    assert "pki issue" in pki("export", code=1)
    pki("issue")
    ca, server = (x509.load_pem_x509_certificate((pki.pki / f"{name}.pem").read_bytes()) for name in ("ca", "server"))
    assert x509.load_pem_x509_certificates(pki("export").encode()) == [ca]
    assert x509.load_pem_x509_certificates(pki("export", "server").encode()) == [server]
    assert x509.load_pem_x509_certificates(pki("export", "server", "--as", "bundle").encode()) == [server, ca]
    assert x509.load_der_x509_certificate(pki("export", "--as", "der").encode(errors="surrogateescape")) == ca
    assert "known here: other, server" in pki("export", "nobody", code=1)


def test_the_bundle_is_all_that_hosts_trust(pki: PkiSite) -> None:
    pki("issue")
    (pki.folder / "also.pem").write_text(pki("export"))
    pki.spec.write_text(SPEC.replace("site: production", "site: staging") + "trust: {also: [also.pem]}\n")
    pki("issue")
    assert len(x509.load_pem_x509_certificates(pki("export", "--as", "bundle").encode())) == 2


def test_export_writes_a_new_file_and_replaces_none(pki: PkiSite) -> None:
    pki("issue")
    for _ in range(2):
        assert pki("export", "-o", "ca.crt") == ""
    assert (pki.folder / "ca.crt").read_bytes() == (pki.pki / "ca.pem").read_bytes()
    before = pki.files()
    assert "something else is here already" in pki("export", "-o", "pki/production/ca-key.pem", code=1)
    assert pki.files() == before
    assert "No such file" in pki("export", "-o", "nowhere/ca.crt", code=1)


def test_a_spec_that_is_not_there(pki: PkiSite) -> None:
    assert "other.yml" in pki("show", "--spec", "other.yml", code=1)


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def old(pki: PkiSite) -> Path:
    """A CA that openssl made, in cfssl's names, and what it issued."""
    folder = pki.folder / "old"
    folder.mkdir()
    openssl(folder, "ecparam -genkey -name prime256v1 -noout -out ca-key.pem")
    openssl(folder, "req -x509 -key ca-key.pem -subj /CN=Old -days 300 -out ca.pem")
    pki.spec.write_text(
        SPEC.replace("CN: Example Fleet CA, name_constraints: {dns: [example.com], ip: [192.0.2.0/24]}", "CN: Old")
    )
    return folder


def test_a_folder_is_adopted(pki: PkiSite, old: Path) -> None:
    key = (old / "ca-key.pem").read_bytes()
    said = pki("adopt", "old").splitlines()
    assert said[0] == "ca: CN=Old, from old/ca.pem, with its key from old/ca-key.pem"
    assert said[2:] == [
        "old is unchanged and still holds the CA's key: keep it as a backup, or destroy it.",
        "The next deploy does:",
        "  ca: use it as it is",
        "  server: issue it (not issued yet)",
        "  other: issue it (not issued yet)",
    ]
    assert (old / "ca-key.pem").read_bytes() == key
    assert "server.pem: missing" in pki("issue")
    before = pki.files()
    assert "are here already" in pki("adopt", "old", code=1)
    assert pki.files() == before


@pytest.mark.usefixtures("old")
def test_an_adopted_key_is_encrypted_where_there_is_a_passphrase(pki: PkiSite) -> None:
    pki("adopt", "old", passphrase="secret")
    assert (pki.pki / "ca-key.pem").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


@pytest.mark.usefixtures("old")
def test_what_is_not_adopted(pki: PkiSite) -> None:
    pki.spec.write_text(SPEC)
    assert "subject is CN=Old, the spec says CN=Example Fleet CA" in pki("adopt", "old", code=1)
    assert not pki.pki.exists()


def test_a_brought_certificate_is_shown_and_never_issued(pki: PkiSite, old: Path) -> None:
    openssl(old, "req -x509 -key ca-key.pem -subj /CN=x -days 300 -out server.pem -addext basicConstraints=CA:FALSE")
    external = "  server: {certificate: old/server.pem, key: old/ca-key.pem}\n"
    pki.spec.write_text("version: 1\nsite: production\ncertificates:\n" + external)
    shown = json.loads(pki("show", "--format", "json"))["certificates"]
    assert [(row["name"], row["state"], row["file"]) for row in shown] == [
        ("server", "ok", str(pki.folder / "old/server.pem"))
    ]
    for command in ("issue", "renew", "rekey"):
        assert "'server': somebody else issued it" in pki(command, "server", code=1)
    assert pki("issue") == "Nothing to issue.\n"
    assert pki("export", "server").count("BEGIN CERTIFICATE") == 1
    assert not pki.pki.exists()


def test_what_others_wrote_moves_no_cursor(pki: PkiSite) -> None:
    pki("issue")
    pki("rotate")
    digest = next(
        each["sha256"] for each in json.loads(pki("show", "--format", "json"))["issued"] if "next" in each["name"]
    )
    line = {"host": "web1\x1b[2J", "sha256": digest, "seen": "", "why": "\x1b]0;owned\x07no\u202e"}
    (pki.pki / "sightings.jsonl").write_text(json.dumps(line) + "\n")
    said = pki("show")
    assert "  missing web1␛[2J: ␛]0;owned␇no�\n" in said
    assert pki("show", "--format", "json").isascii()


def test_a_strangers_folder_exports_nothing(pki: PkiSite) -> None:
    pki("issue")
    certificate = pki("export")
    pki.pki.chmod(0o777)
    said = pki("export", code=1)
    assert said == f"{pki.pki}: other users can write to it (mode 0777); chmod -R go-w {pki.pki}\n"
    subprocess.run(["sh", "-c", said.strip().rpartition("; ")[2]], check=True)
    assert pki("export") == certificate
