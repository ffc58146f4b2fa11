"""``anchorline init --from-cfssl``: the three files of a cfssl user, taken as they are."""

from __future__ import annotations

import filecmp
import json
import shutil
from pathlib import Path

import pytest

from .sites import LAYOUT, files, hosts, init, root_ca, run
from .terminal import typed

ROOT = Path(__file__).parents[2]
SEED = ROOT / "tests/data/seed"
SEEDS = {"ca-csr.json", "ca.config", "server-csr.json"}


class TestFromCfssl:
    def test_the_seed(self, tmp_path: Path) -> None:
        done = init(tmp_path / "site", "--from-cfssl", str(SEED), "--clients", "web1")
        assert done.exit_code == 0, done.output
        assert files(tmp_path / "site") == LAYOUT | SEEDS
        assert all(filecmp.cmp(SEED / each, tmp_path / "site" / each, shallow=False) for each in SEEDS)
        spec = (tmp_path / "site/anchorline.yml").read_text()
        for line in (
            *("authority: ca-csr.json ", "signing: ca.config\n", "csr: server-csr.json\n", "profile: server\n"),
            *("address: 172.17.0.1 ", "aliases: [172.17.0.2, 172.17.0.3, 172.17.0.4] "),
        ):
            assert line in spec
        assert hosts(tmp_path / "site") == (["172.17.0.1"], ["web1"])
        code, checked = run("check", cwd=tmp_path / "site")
        assert code == 0
        traps = checked.splitlines()[:-1]
        assert {trap.split(" ")[2] for trap in traps} == {"ANC201", "ANC202", "ANC211", "ANC212", "ANC213", "ANC221"}
        assert [line[2:] for line in done.output.splitlines() if line.startswith("  ")] == traps

    def test_other_names_are_told_by_what_is_in_them(self, tmp_path: Path) -> None:
        old = tmp_path / "old"
        old.mkdir()
        for here, there in (("ca-csr.json", "my root.json"), ("ca.config", "ü.json"), ("server-csr.json", "hub.json")):
            shutil.copy(SEED / here, old / there)
        (old / "notes.txt").write_text("CN\n")
        (old / "compose.yml").write_text("services: {}\n")
        (old / "broken.json").write_text("{")
        done = init(tmp_path / "site", "--from-cfssl", str(old), "--clients", "web1")
        assert done.exit_code == 0, done.output
        spec = (tmp_path / "site/anchorline.yml").read_text()
        assert 'authority: "my root.json" ' in spec
        assert 'signing: "ü.json"\n' in spec
        assert "csr: hub.json\n" in spec

    def test_a_name_that_dns_knows_comes_first(self, tmp_path: Path) -> None:
        old = shutil.copytree(SEED, tmp_path / "old")
        request = json.loads((old / "server-csr.json").read_text())
        request["hosts"] = ["127.0.0.1", "localhost", "*.example.com", "192.0.2.10", "hub.example.com"]
        (old / "server-csr.json").write_text(json.dumps(request))
        flags = ("--from-cfssl", str(old), "--clients", "web1")
        assert init(tmp_path / "site", *flags, "--ip", "192.0.2.10").exit_code == 0
        spec = (tmp_path / "site/anchorline.yml").read_text()
        assert "address: hub.example.com " in spec
        assert "aliases: [192.0.2.10] " in spec
        assert "hosts_entry: 192.0.2.10 " in spec
        assert hosts(tmp_path / "site")[0] == [("hub.example.com", {"ssh_hostname": "192.0.2.10"})]
        for wrong in (("--ip", "192.0.2.11"), ("--registry", "reg.example.com")):
            refused = init(tmp_path / "x", *flags, *wrong)
            assert refused.exit_code == 2
            assert "isn't among the hosts of" in refused.output
        assert "leave out --ca" in init(tmp_path / "x", *flags, "--ca", str(root_ca(tmp_path / "r.pem"))).output

    def test_in_the_folder_of_the_files(self, tmp_path: Path) -> None:
        old = shutil.copytree(SEED, tmp_path / "old")
        (old / "ca-key.pem").write_text("a key\n")
        code, said = run("init", ".", "--from-cfssl", ".", "--clients", "web1", cwd=old)
        assert code == 0, said
        assert files(old) == LAYOUT | SEEDS | {"ca-key.pem"}
        assert said.splitlines()[-1] == "Next: anchorline pki adopt . && pyinfra --dry inventory deploy.py"

    def test_only_missing_answers_are_asked(self, tmp_path: Path) -> None:
        code, shown = typed(tmp_path, ["init", "blue", "--from-cfssl", str(SEED)], ("", "web1", "ops"))
        assert code == 0, shown
        assert hosts(tmp_path / "blue") == (["172.17.0.1"], ["web1"])

    @pytest.mark.parametrize(
        ("file", "content", "said"),
        [
            ("ca.config", None, "nothing here is cfssl's ca-config.json"),
            ("server-csr.json", None, "nothing here is cfssl's server-csr.json"),
            ("ca-csr.json", "{", "ca-csr.json:1: isn't JSON"),
            ("ca-csr.json", '{"CN": "x", "kye": {}}', "ca-csr.json:1: kye: unknown key; did you mean `key`?"),
            ("server-csr.json", '{"CN": "x", "hosts": [""]}', "server-csr.json:1: hosts[0]"),
            ("ca.config", '{"signing": {"profiles": {"server": {"usages": ["sever auth"]}}}}', "`server auth`?"),
            ("peer.json", '{"CN": "x"}', None),
        ],
    )
    def test_what_is_wrong_with_them(self, file: str, content: str | None, said: str | None, tmp_path: Path) -> None:
        old = shutil.copytree(SEED, tmp_path / "old")
        (old / file).unlink(missing_ok=True)
        if content is not None:
            (old / file).write_text(content)
        done = init(tmp_path / "site", "--from-cfssl", str(old), "--clients", "web1", "--registry", "172.17.0.1")
        if said is None:
            assert done.exit_code == 0, done.output
            return
        assert said in str(done.exception) + done.output
        assert done.exit_code == 1
        assert not (tmp_path / "site").exists()

    def test_which_of_two(self, tmp_path: Path) -> None:
        old = shutil.copytree(SEED, tmp_path / "old")
        (old / "server-csr.json").rename(old / "a.json")
        shutil.copy(old / "a.json", old / "b.json")
        said = str(init(tmp_path / "site", "--from-cfssl", str(old), "--clients", "web1").exception)
        assert said.endswith("which one is cfssl's server-csr.json? a.json, b.json; call that one server-csr.json")
        assert "No such file" in str(init(tmp_path / "site", "--from-cfssl", "nowhere").exception)
