"""``anchorline pki export --as``, as a user runs it: what hosts that nobody reaches over SSH are given."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from .sites import SPEC, PkiSite

FORMS = ("script", "cloud-init", "kubernetes", "trust-manager")


@pytest.fixture
def issued(pki: PkiSite) -> PkiSite:
    """A site on a machine without keys."""
    pki("issue")
    for key in pki.pki.glob("*-key.pem"):
        key.unlink()
    return pki


@pytest.mark.parametrize("form", FORMS)
class TestEachForm:
    def test_a_file_that_replaces_none(self, issued: PkiSite, form: str) -> None:
        printed = issued("export", "--as", form)
        for _ in range(2):
            assert issued("export", "--as", form, "-o", "new") == ""
        assert (issued.folder / "new").read_text() == printed
        (issued.folder / "new").write_text("something\n")
        assert "something else is here already" in issued("export", "--as", form, "-o", "new", code=1)

    def test_a_site_without_a_ca(self, pki: PkiSite, form: str) -> None:
        assert "this site has no CA yet; anchorline pki issue" in pki("export", "--as", form, code=1)
        assert not pki.pki.exists()
        pki.spec.write_text("version: 1\nsite: production\n")
        assert "the spec declares no CA" in pki("export", "--as", form, code=1)

    def test_it_is_for_the_whole_site(self, issued: PkiSite, form: str) -> None:
        assert "leave server out" in issued("export", "server", "--as", form, code=1)

    def test_a_ca_that_others_gave_is_in_it_too(self, issued: PkiSite, form: str) -> None:
        pem = issued("export")
        (issued.folder / "also.pem").write_text(pem)
        issued.spec.write_text(SPEC.replace("site: production", "site: staging") + "trust: {also: [also.pem]}\n")
        issued("issue")
        text = issued("export", "--as", form)
        if form != "cloud-init":
            assert pem.splitlines()[2] in text
            assert issued("export").splitlines()[2] in text


@pytest.mark.parametrize("form", ["script", "cloud-init", "trust-manager", "pem"])
def test_an_image_is_for_kubernetes(issued: PkiSite, form: str) -> None:
    assert "--image is for --as kubernetes" in issued("export", "--as", form, "--image", "busybox", code=1)


def test_the_image_that_a_user_names(issued: PkiSite) -> None:
    text = issued("export", "--as", "kubernetes", "--image", "mirror.example.net/busybox:1")
    pod = list(yaml.safe_load_all(text))[1]["spec"]["template"]["spec"]
    assert {each["image"] for each in (*pod["initContainers"], *pod["containers"])} == {"mirror.example.net/busybox:1"}


def test_a_script_is_posix(issued: PkiSite) -> None:
    text = issued("export", "--as", "script")
    for shell in (["dash"], ["bash", "--posix"], ["busybox", "ash"]):
        subprocess.run([*shell, "-n"], input=text, text=True, check=True)


def test_help_has_an_example(pki: PkiSite) -> None:
    assert "\n  anchorline pki export --as script -o trust.sh\n" in pki("export", "--help")


def test_the_command_line_loads_no_pyinfra() -> None:
    code = "import sys, anchorline.cli.main; print(*({'pyinfra', 'gevent', 'paramiko'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "\n"
