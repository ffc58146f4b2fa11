"""A password in a file of others at a host, through the whole command line: no verbosity and no report tells it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from anchorline.authority import stage
from anchorline.spec import load
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.third_party import bundle

from .site import END, LOOK, Site

SECRET = "NewS3cret"
K3S, BUILDKIT = ("k3s", "/etc/rancher/k3s/registries.yaml"), ("buildkit", "/etc/buildkit/buildkitd.toml")
RUNNER = ("gitlab-runner", "/etc/gitlab-runner/config.toml")
FILES = {
    "a key twice": (*K3S, f"password: {SECRET}\npassword: {SECRET}\n", ", line 2: a key stands twice"),
    "another's file": (*K3S, f"configs: {{registry.example.com: {{tls: {{ca_file: {SECRET}}}}}}}\n", ": configs."),
    "no TOML": (*BUILDKIT, f'password = "{SECRET}\n', ", line 1: it isn't valid TOML"),
    "no list": (*RUNNER, f'runners = "{SECRET}"\n', ": runners is no list of mappings"),
    "nothing wrong": (*K3S, f"configs: {{a: {{auth: {{password: {SECRET}}}}}}}\n", ""),
}
ENTRIES = {"deploy": "deploy.py", "status": "anchorline.report.status", "doctor": "anchorline.verify.doctor"}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", FILES)
def test_no_password_of_others_is_told(site: Site, kind: str, entry: str) -> None:
    store, path, text, cause = FILES[kind]
    body = b64encode(text.encode()).decode()
    site.settled("registry", "a", "b")
    site.answers["a"][LOOK]["stdout"][1:1] = [f"config {store} 600 {path}", f"content {path} {body}"]
    before = {*site.folder.rglob("*")}
    ran = site.run("-y", "-vvv", "--data", "form=json", "--data", "report=said.json", "inventory", ENTRIES[entry])
    written = [file for file in {*site.folder.rglob("*")} - before if file.is_file() and file.suffix == ".json"]
    told = [ran.said, *(file.read_text() for file in written if file.name != "answers.json")]
    assert "@fake/a" in ran.said
    if cause:
        assert path + cause in " ".join("".join(told).split())
    for each in told:
        assert SECRET not in each
        assert body[:20] not in each


@pytest.mark.parametrize("verb", ["withdraw", "distrust"])
@pytest.mark.parametrize("kind", FILES)
def test_nor_by_a_ca_that_goes(site: Site, tmp_path_factory: pytest.TempPathFactory, kind: str, verb: str) -> None:
    """It goes with our entries in these files, so that each is read, and written anew or given back."""
    store, path, text, _ = FILES[kind]
    old = tmp_path_factory.mktemp("old") / "anchorline.yml"
    old.write_text("version: 1\nsite: blue\nauthority: {CN: Old CA}\n")
    (anchor,) = stage(load(old)).anchors
    site.write("version: 1\nsite: blue\nauthority: {CN: Blue CA}\n")
    site.commit()
    ours = f"configs:\n  registry.example.com:\n    tls: {{ca_file: {bundle('blue')}}}\n" if store == "k3s" else ""
    body, der = b64encode((ours * (kind == "nothing wrong") + text).encode()).decode(), anchor.pem.split("-----")[2]
    held = [f"certificate {''.join(der.split())} {FAMILIES[0].path(anchor.name)}", f"marker ca {anchor.sha256}"]
    held += [f"bundle {bundle('blue')}", f"bundle {bundle('blue')} {''.join(der.split())}"]
    read = [f"config {store} 600 {path}", f"content {path} {body}"]
    site.says("registry", stdout=["=== withdrawal", "os debian", "family debian", *held, *read, END])
    before = {*site.folder.rglob("*")}
    options = ("--data", "form=json", "--data", "report=said.json", "--data", f"ca={anchor.sha256}")
    ran = site.run("-y", "-vvv", *options, "inventory", f"anchorline.trust.{verb}")
    written = [file for file in {*site.folder.rglob("*")} - before if file.suffix == ".json"]
    told = [ran.said, *(file.read_text() for file in written if file.name != "answers.json")]
    assert "@fake/registry" in ran.said
    for each in told:
        assert SECRET not in each
    assert (ran.code == 0) == (ran.counts == {"registry": 2}), ran.said
