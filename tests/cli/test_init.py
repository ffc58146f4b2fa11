"""``anchorline init`` as people and pipelines meet it: what it writes is checked and deployed by the real tools."""

from __future__ import annotations

import filecmp
import json
import os
import runpy
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from anchorline.init.answers import QUESTIONS
from anchorline.render import render
from tests.operations.site import INVENTORY
from tests.operations.site import Site as Fleet
from tests.unit.tools import lacking

from .sites import LAYOUT, files, hosts, init, root_ca, run
from .terminal import ANCHORLINE, typed

ROOT = Path(__file__).parents[2]
FLAGS = ("--registry", "hub.example.com", "--ip", "192.0.2.10", "--clients", "web1 web2", "--user", "ops")


def test_a_site_by_flags_passes_the_check(tmp_path: Path) -> None:
    code, said = run("init", "blue", *FLAGS, cwd=tmp_path)
    assert code == 0, said
    assert said.splitlines()[-1] == "Next: cd blue && pyinfra --dry inventory deploy.py"
    site = tmp_path / "blue"
    assert files(site) == LAYOUT
    code, checked = run("check", cwd=site)
    assert code == 0
    assert checked.splitlines()[-1] == "anchorline.yml: 1 warning"
    assert f"  {checked.splitlines()[0]}" in said.splitlines(), "it says what the check says"
    assert hosts(site) == ([("hub.example.com", {"ssh_hostname": "192.0.2.10"})], ["web1", "web2"])
    reached = runpy.run_path(str(site / "group_data/all.py"))
    assert (reached["ssh_user"], reached["_sudo"], reached["_timeout"]) == ("ops", True, 120)
    spec = (site / "anchorline.yml").read_text()
    for line in (
        "site: blue ",
        "dns: [example.com] ",
        'ip: [192.0.2.10/32, "::1/128"] ',
        "hosts: [hub.example.com, 192.0.2.10] ",
        "hosts_entry: 192.0.2.10 ",
    ):
        assert line in spec


def test_the_checkouts_own_files_are_the_sites(tmp_path: Path) -> None:
    assert init(tmp_path, *FLAGS).exit_code == 0
    for file in ("deploy.py", "config.py", "group_data/registry.py", "group_data/clients.py", "pki/.gitignore"):
        assert filecmp.cmp(ROOT / file, tmp_path / file, shallow=False), file


def test_one_group_data_is_held_to_the_other() -> None:
    assert render("site/all.py.j2", user=None) == (ROOT / "group_data/all.py").read_text()


def test_the_schema_lies_where_the_first_line_says(tmp_path: Path) -> None:
    assert init(tmp_path, *FLAGS).exit_code == 0
    first = (tmp_path / "anchorline.yml").read_text().splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((tmp_path / name).read_text()) == json.loads((ROOT / "anchorline.schema.json").read_text())


def test_it_deploys(tmp_path: Path) -> None:
    """pyinfra's own command line, with the deploy.py and the config.py that were written, over hosts of a test."""
    assert init(tmp_path, "--site", "blue", *FLAGS[:6]).exit_code == 0
    shutil.copy(ROOT / "tests/operations/fakes.py", tmp_path)
    (tmp_path / "inventory/hosts.py").write_text(INVENTORY)
    fleet = Fleet(tmp_path)
    fleet.new("registry", "web1")
    planned = fleet.run("--dry", "inventory", "deploy.py")
    assert planned.code == 0, planned.said
    assert files(tmp_path / "pki") == {".gitignore"}
    done = fleet.deploy()
    assert "Keep the trust stores" in done.said
    assert {"blue/ca.pem", "blue/server.pem"} <= files(tmp_path / "pki"), done.said


class TestOnATerminal:
    def test_five_questions_at_most(self, tmp_path: Path) -> None:
        answers = ("", "hub.example.com:5000", "192.0.2.10", "web1, web2", "")
        code, shown = typed(tmp_path, ["init", "staging"], answers)
        assert code == 0, shown
        assert [question.key for question in QUESTIONS if question.text in shown] == [
            "site",
            "registry",
            "ip",
            "clients",
            "user",
        ]
        assert "[staging]: " in shown
        assert 'address: "hub.example.com:5000"' in (tmp_path / "staging/anchorline.yml").read_text()
        assert hosts(tmp_path / "staging")[1] == ["web1", "web2"]
        assert 'ssh_user = "root"\n#' in (tmp_path / "staging/group_data/all.py").read_text()
        assert run("check", cwd=tmp_path / "staging")[0] == 0

    def test_trust_alone_is_no_more(self, tmp_path: Path) -> None:
        pem = root_ca(tmp_path / "root.pem")
        code, shown = typed(tmp_path, ["init", "x"], ("", "none", "nowhere.pem", pem.name, "web1", "ops"))
        assert code == 0, shown
        assert [each.key for each in QUESTIONS if each.text in shown] == ["site", "registry", "ca", "clients", "user"]
        assert run("check", cwd=tmp_path / "x") == (0, "anchorline.yml: clean\n")

    def test_a_bad_answer_is_asked_again(self, tmp_path: Path) -> None:
        answers = ("Blue Site", "blue", "hub", "bücher.example.com", "hub.example.com", "300.1.1.1", "none")
        code, shown = typed(tmp_path, ["init", "x", "--user", "ops"], (*answers, "web_1", "web1"))
        assert code == 0, shown
        for word in ("small letters", "Docker takes", "xn--bcher-kva.example.com", "no IP address", "no DNS name"):
            assert word in shown
        assert shown.count("Name of the site") == 2
        assert "site: blue " in (tmp_path / "x/anchorline.yml").read_text()
        assert run("check", cwd=tmp_path / "x")[0] == 0

    def test_what_a_flag_gives_is_not_asked(self, tmp_path: Path) -> None:
        code, shown = typed(tmp_path, ["init", "x", "--site", "blue", *FLAGS], ())
        assert code == 0
        assert "Name of" not in shown

    def test_an_interrupt_writes_nothing(self, tmp_path: Path) -> None:
        code, shown = typed(tmp_path, ["init", "x"], ("blue", "\x03"))
        assert (code, files(tmp_path)) == (1, set()), shown
        assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "there is no terminal to ask at: give --registry and --clients"),
        (("--registry", "hub.example.com"), "give --clients"),
        (("--registry", "none"), "give --ca and --clients"),
        ((*FLAGS, "--site", "Blue"), "--site: 'Blue': small letters"),
        ((*FLAGS, "--site", "böse"), "--site: 'böse': small letters"),
        ((*FLAGS, "--site", ""), "--site: ''"),
        ((*FLAGS, "--site", "x" * 41), "40 characters at most"),
        ((*FLAGS, "--registry", "bücher.example.com"), "as xn--bcher-kva.example.com; write that"),
        ((*FLAGS, "--registry", "*.example.com"), "a wildcard"),
        ((*FLAGS, "--registry", "localhost:5000"), "means each client itself"),
        ((*FLAGS, "--registry", "hub"), "Docker takes a name without a dot or a port"),
        ((*FLAGS, "--registry", "hub.example.com:99999"), "is no port"),
        ((*FLAGS, "--registry", f"{'x' * 64}.example.com"), "neither a DNS name nor an IP address"),
        ((*FLAGS, "--registry", f"{'x.' * 127}xy"), "neither a DNS name nor an IP address"),
        ((*FLAGS, "--registry", "192.0.2.10"), "--ip doesn't go with --registry 192.0.2.10"),
        ((*FLAGS, "--ip", "127.0.0.1"), "no address at which clients reach"),
        ((*FLAGS, "--ip", "fe80::1%eth0"), "is no IP address"),
        ((*FLAGS, "--ca", "ca.pem"), "--ca doesn't go with --registry hub.example.com"),
        ((*FLAGS, "--clients", "web1 we/b2"), "'we/b2' is no DNS name"),
        ((*FLAGS, "--clients", "wéb1"), "as xn--wb1-bma; write that"),
        ((*FLAGS, "--clients", "\udcff"), "'\\udcff' is no DNS name"),
        ((*FLAGS, "--clients", 'a"]; import os'), "is no DNS name"),
        ((*FLAGS, "--user", "a b"), "--user: 'a b'"),
        (("--ca", "nowhere.pem", "--clients", "web1"), "--ca: 'nowhere.pem': there is no such file"),
    ],
)
def test_what_is_refused(flags: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = init("site", *flags)
    assert done.exit_code == 2
    assert said in done.output
    assert files(tmp_path) == set()
    assert not (tmp_path / "site").exists()


LONG = ".".join(["x" * 63] * 3 + ["y" * 61])  # 253, the longest there is


@pytest.mark.parametrize(
    "flags",
    [
        ("--registry", "hub.example.com", "--clients", "none"),
        ("--registry", "xn--bcher-kva.example.com:5000", "--clients", "web1"),
        ("--registry", "192.0.2.10", "--clients", "192.0.2.21 2001:db8::1"),
        ("--registry", "[2001:db8::10]:5000", "--clients", "web1"),
        ("--registry", "hub.example.com", "--ip", "2001:db8::10", "--clients", "web1"),
        ("--registry", "hub:5000", "--clients", "web1"),
        ("--registry", "example.com", "--clients", "web1"),
        ("--registry", "HUB.Example.COM.", "--clients", "Web1"),
        ("--registry", LONG, "--clients", LONG.replace("y", "z")),
        ("--registry", "hub.example.com", "--clients", " ".join(f"web{n}.example.com" for n in range(2000))),
        ("--site", "on", "--registry", "no.null.example", "--clients", "true"),
    ],
)
def test_every_form_of_a_name_makes_a_site_that_passes(flags: tuple[str, ...], tmp_path: Path) -> None:
    """An error of the check would be init's own: it looks before it writes."""
    done = init(tmp_path / "site", *flags)
    assert done.exit_code == 0, done.output
    warned = [line.split(" ")[4] for line in done.output.splitlines() if line.startswith("  ")]
    assert warned == ["ANC221"], "and of nothing but the image is warned"
    registry, clients = hosts(tmp_path / "site")
    assert len(registry) == 1
    assert len(clients) == (0 if flags[-1] == "none" else len(flags[-1].split()))


def test_the_registrys_host_is_a_client_once(tmp_path: Path) -> None:
    assert init(tmp_path, *FLAGS, "--clients", "web1 192.0.2.10 hub.example.com web1").exit_code == 0
    assert hosts(tmp_path) == ([("hub.example.com", {"ssh_hostname": "192.0.2.10"})], ["web1"])


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    code, said = run("init", folder, *FLAGS, cwd=tmp_path)
    assert code == 0, said
    assert run("init", folder, *FLAGS, cwd=tmp_path)[0] == 1
    assert files(folder) == LAYOUT
    for path in ("x" * 300, f"{tmp_path}/a/{'x' * 300}"):
        code, said = run("init", path, *FLAGS, cwd=tmp_path)
        assert (code, "File name too long" in said, "Traceback" in said) == (1, True, False)
    assert not (tmp_path / "a").exists()


def test_trust_alone(tmp_path: Path) -> None:
    pem = root_ca(tmp_path / "firmenwurzel ä.pem")
    done = init(tmp_path / "site", "--ca", str(pem), "--clients", "web1")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "site") == LAYOUT | {pem.name}
    assert filecmp.cmp(pem, tmp_path / "site" / pem.name, shallow=False)
    assert hosts(tmp_path / "site") == ([], ["web1"])
    assert run("check", cwd=tmp_path / "site") == (0, "anchorline.yml: clean\n")


def test_trust_alone_of_what_is_no_ca(tmp_path: Path) -> None:
    pem = tmp_path / "wrong.pem"
    pem.write_text("no certificate\n")
    done = init(tmp_path / "site", "--ca", str(pem), "--clients", "web1")
    assert done.exit_code == 1
    assert "wrong.pem: no certificate in PEM" in str(done.exception)
    assert not (tmp_path / "site").exists()
    assert "trust alone is for clients" in init(tmp_path / "x", "--ca", str(pem), "--clients", "none").output


class TestNothingIsOverwritten:
    @pytest.mark.parametrize("file", sorted(LAYOUT))
    def test_a_file_that_is_there(self, file: str, tmp_path: Path) -> None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("mine\n")
        done = init(tmp_path, *FLAGS)
        assert done.exit_code == 1
        assert f"here already: {file};" in str(done.exception)
        assert files(tmp_path) == {file}
        assert (tmp_path / file).read_text() == "mine\n"

    def test_all_of_them_are_named_at_once(self, tmp_path: Path) -> None:
        assert init(tmp_path, *FLAGS).exit_code == 0
        before = {file: (tmp_path / file).read_bytes() for file in files(tmp_path)}
        assert f"here already: {', '.join(sorted(LAYOUT))};" in str(init(tmp_path, *FLAGS).exception)
        assert {file: (tmp_path / file).read_bytes() for file in files(tmp_path)} == before

    @pytest.mark.parametrize("name", ["deploy.py", "inventory", "pki"])
    def test_a_link_to_nowhere(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).symlink_to("nowhere")
        assert f"here already: {name};" in str(init(tmp_path, *FLAGS).exception)
        assert files(tmp_path) == {name}

    def test_a_file_in_a_folders_place(self, tmp_path: Path) -> None:
        (tmp_path / "group_data").write_text("")
        assert "here already: group_data;" in str(init(tmp_path, *FLAGS).exception)
        assert "this is no folder" in str(init(tmp_path / "group_data", *FLAGS).exception)
        assert files(tmp_path) == {"group_data"}

    def test_a_folder_with_other_things_is_fine(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        (tmp_path / "group_data").mkdir()
        (tmp_path / "group_data/web.py").write_text("")
        assert init(tmp_path, *FLAGS).exit_code == 0
        assert files(tmp_path) == LAYOUT | {"group_data/web.py"}


@pytest.mark.parametrize(("options", "cause"), [("size=20k", "No space left"), ("size=1m,ro", "Read-only file system")])
def test_a_disk_that_refuses_is_left_as_it_was(options: str, cause: str, tmp_path: Path) -> None:
    script = f"""mount -t tmpfs -o {options} none {tmp_path} || exit 77
        {ANCHORLINE} init {tmp_path}/site {" ".join(FLAGS).replace(" web2", ",web2")} 2>&1
        echo "code $?"; find {tmp_path} -mindepth 1"""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 77 or done.stderr.startswith("unshare"):
        lacking("no disk of its own can be mounted here")
    assert cause in done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.endswith("code 1\n"), "and nothing is found"


def test_a_wheel_has_all_of_it(tmp_path: Path) -> None:
    """Built, put where no checkout is, and asked for a site: the same files as the checkout's."""
    source = tmp_path / "source"
    for name in ("anchorline", "templates", "group_data"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "pki").mkdir()
    for name in ("deploy.py", "config.py", "pki/.gitignore", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    target = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    (here,) = (each for each in map(Path, sys.path) if each.name == "site-packages")
    # the dependencies are this one's, and its editable checkout is not
    code = f"import sys; sys.path.append({str(here)!r}); from anchorline.cli import main as cli; "
    code += f"assert cli.__file__.startswith({str(target)!r}); cli.main()"
    command = [str(python), "-c", code, "init", str(tmp_path / "site"), *FLAGS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert init(tmp_path / "other", *FLAGS, "--site", "site").exit_code == 0
    assert files(tmp_path / "site") == LAYOUT
    assert filecmp.cmpfiles(tmp_path / "site", tmp_path / "other", LAYOUT, shallow=False)[1:] == ([], [])
    assert os.access(tmp_path / "site/deploy.py", os.R_OK)


def test_no_umask_opens_a_site(tmp_path: Path) -> None:
    """Its deploy.py is carried out, and who can write to pki/ can put another CA there."""
    old = os.umask(0)
    try:
        assert init(tmp_path / "a/b", *FLAGS).exit_code == 0
    finally:
        os.umask(old)
    every = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert len(every) > len(LAYOUT)
    assert {path for path in every if path.stat().st_mode & 0o022} == set()
