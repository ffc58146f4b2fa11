"""``anchorline status`` by the real command line over @fake hosts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from anchorline.authority.generations import rotate
from tests.operations.statuses import FLEET, anchorline, as_data, lines, status

from .site import SPEC, Site


class TestStatus:
    def test_a_fleet_as_declared(self, site: Site) -> None:
        site.settled(*FLEET)
        before = site.trace()
        ran = status(site)
        assert ran.code == 0, ran.said
        assert ran.counts == dict.fromkeys(FLEET, 1), "one exec for each host"
        assert "What to do" not in ran.out
        assert "3 hosts: 3 as declared" in ran.out
        assert site.trace() == before

    def test_it_needs_no_key(self, site: Site) -> None:
        site.settled(*FLEET)
        for key in site.pki.rglob("*-key.pem"):
            key.unlink()
        assert status(site).code == 0

    @pytest.mark.parametrize("name", ["server", "ca"])
    def test_a_key_that_is_none_has_its_fix_apart(self, site: Site, name: str) -> None:
        site.settled(*FLEET)
        (key := site.pki / f"blue/{name}-key.pem").write_text("")
        ran = status(site, "--data", "form=json")
        findings: list[dict[str, str]] = as_data(ran)["findings"]  # type: ignore[assignment]
        [finding] = findings
        assert finding["cause"] == f"{name} is broken: {key}: the file is empty"
        assert finding["fix"].startswith("restore the key from a backup")
        assert finding["where"] == ""

    def test_a_host_that_lacks_the_ca(self, site: Site) -> None:
        site.settled(*FLEET)
        lines(site, "b")[:] = [line for line in lines(site, "b") if not line.startswith("bundled")]
        ran = status(site, "--data", "form=json")
        assert ran.code == 1
        host = next(each for each in as_data(ran)["hosts"] if each["name"] == "@fake/b")  # type: ignore[attr-defined]
        assert host["condition"] == "differs"
        assert host["stores"] == {"system": [], "docker": ["present"]}
        assert host["findings"][0]["fix"] == "pyinfra -y --limit @fake/b inventory anchorline.trust.rollout"

    def test_a_host_that_is_down_hides_nothing(self, site: Site) -> None:
        site.settled(*FLEET)
        site.answers["b"] = {"down": True}
        ran = status(site)
        assert ran.code == 2, "nothing is known to be wrong"
        assert "2 as declared, 1 unreachable" in ran.out
        assert "@fake/b: no route to host" in ran.out
        lines(site, "a")[:] = [line for line in lines(site, "a") if not line.startswith("bundled")]
        assert status(site).code == 1, "what is wrong weighs more than what couldn't be told"

    def test_no_host_answers(self, site: Site) -> None:
        site.settled(*FLEET)
        for host in FLEET:
            site.answers[host] = {"down": True}
        ran = status(site, "--data", "form=json")
        assert ran.code == 2, ran.said
        told = as_data(ran)
        assert {word: count for word, count in told["counts"].items() if count} == {"unreachable": 3}  # type: ignore[attr-defined]
        assert [each["name"] for each in told["certificates"]] == ["ca", "server"]  # type: ignore[attr-defined]
        assert [each["name"] for each in told["steps"]] == ["authority", "trust", "registry", "verify"]  # type: ignore[attr-defined]

    def test_no_host_answers_and_pki_cannot_be_read(self, site: Site) -> None:
        site.settled(*FLEET)
        (site.pki / "blue/ca.pem").write_text("junk\n")
        for host in FLEET:
            site.answers[host] = {"down": True}
        ran = status(site)
        assert ran.code == 2
        assert "ca.pem" in ran.err
        assert "Traceback" not in ran.said

    def test_the_registry_s_host_is_down(self, site: Site) -> None:
        site.settled(*FLEET)
        site.answers["registry"] = {"down": True}
        ran = status(site, "--data", "form=prometheus")
        assert ran.code == 2
        assert 'anchorline_registry_up{site="blue"} 0' in ran.out.splitlines()
        assert 'anchorline_step_as_declared{site="blue",step="registry"} 0' in ran.out.splitlines()
        assert "its host couldn't be looked at" in status(site).out

    def test_a_host_that_talks_nonsense_is_unknown(self, site: Site) -> None:
        site.settled(*FLEET)
        site.says("b", stdout=["hello"])
        ran = status(site)
        assert ran.code == 2
        assert "1 unknown" in ran.out

    def test_a_host_of_which_no_store_is_known_holds_nothing(self, site: Site) -> None:
        site.settled(*FLEET)
        for number, line in reversed([*enumerate(lines(site, "b"))]):
            if line.split()[0] in ("family", "runtime", "bundled", "file"):
                del lines(site, "b")[number]
        ran = status(site, "--data", "form=json")
        (trust,) = (each for each in as_data(ran)["steps"] if each["name"] == "trust")  # type: ignore[attr-defined]
        assert trust["words"] == "2 of 3 hosts hold the CA in every store"

    def test_a_number_that_means_nothing_is_that_host_s_alone(self, site: Site) -> None:
        site.settled(*FLEET)
        lines(site, "b")[-1:] = ["=== clock", "9" * 400, "=== end"]
        ran = status(site)
        assert "Traceback" not in ran.said
        assert "3 hosts: 3 as declared" in ran.out, "its clock isn't known"

    def test_a_ca_that_pki_does_not_know(self, site: Site) -> None:
        site.settled(*FLEET)
        lines(site, "b").insert(1, f"marker ca {'ab' * 32}")
        ran = status(site)
        assert ran.code == 1
        assert "@fake/b: it knows the CA abababababab as the site's" in ran.out

    def test_one_machine_under_two_names(self, site: Site) -> None:
        site.settled(*FLEET)
        for host in ("a", "b"):
            lines(site, host)[-1:] = ["=== machine", "boot", "mnt:[1]", "2 /", "=== end"]
        ran = status(site)
        assert ran.code == 1
        assert "@fake/a and @fake/b are one machine" in ran.out
        refused = site.deploy()
        assert refused.code == 1
        assert "@fake/a and @fake/b are one machine; leave one of the names" in refused.err

    def test_a_new_site(self, site: Site) -> None:
        site.new(*FLEET)
        ran = status(site)
        assert ran.code == 1
        assert "pki/ has no CA yet" in ran.out
        assert "pyinfra inventory deploy.py" in ran.out
        assert not site.pki.exists()

    def test_a_rotation_that_is_held(self, site: Site) -> None:
        staged = site.commit()
        site.settled(*FLEET, staged=staged)
        rotate(site.spec).commit()
        assert "rotation: 0 of 3 hosts have been seen" in status(site).out
        site.answers["b"] = {"down": True}
        site.deploy()
        ran = status(site)
        assert ran.code == 1
        assert "rotation: blocked" in ran.out
        assert "@fake/b: it can't be reached" in ran.out

    def test_a_wrong_spec_could_not_tell(self, site: Site) -> None:
        site.settled(*FLEET)
        site.write(SPEC.replace("site: blue", "site: 7!"))
        ran = status(site)
        assert ran.code == 2
        assert "site" in ran.err
        assert "Traceback" not in ran.said


class TestCommand:
    def test_it_is_the_step(self, site: Site) -> None:
        site.settled(*FLEET)
        ran = anchorline(site, "status")
        assert ran.returncode == 0, ran.stderr
        assert "3 hosts: 3 as declared" in ran.stdout
        assert "Connected" not in ran.stderr

    @pytest.mark.parametrize("form", ["json", "junit", "prometheus", "html", "markdown", "text"])
    def test_each_form_on_standard_output(self, site: Site, form: str) -> None:
        site.settled(*FLEET)
        ran = anchorline(site, "status", "--format", form)
        assert ran.returncode == 0, ran.stderr
        assert "@fake/b" in ran.stdout.replace("&#64;", "@")
        if form == "junit":
            assert ElementTree.fromstring(ran.stdout).tag == "testsuites"

    def test_a_form_in_a_file(self, site: Site) -> None:
        site.settled(*FLEET)
        written = anchorline(site, "status", "--format", "html", "-o", "out")
        assert written.returncode == 0
        assert written.stdout == ""
        assert "out: 3 hosts: 3 as declared" in written.stderr
        assert "@fake/b" in (site.folder / "out").read_text().replace("&#64;", "@")

    def test_limit_and_what_is_for_pyinfra(self, site: Site) -> None:
        site.settled(*FLEET)
        ran = anchorline(
            site, "status", "--limit", "@fake/a", "--limit", "registry", "inventory", "--", "--data", "x=1"
        )
        assert "2 hosts: 2 as declared" in ran.stdout, ran.stderr

    def test_what_is_for_pyinfra_without_an_inventory(self, site: Site) -> None:
        site.settled(*FLEET)
        ran = anchorline(site, "status", "--", "--data", "x=1")
        assert "3 hosts: 3 as declared" in ran.stdout, ran.stderr

    @pytest.mark.parametrize("file", ["nowhere/fleet.html", "fleet.pdf"])
    def test_a_file_that_cannot_be_written_could_not_tell(self, site: Site, file: str) -> None:
        ran = anchorline(site, "status", "-o", file)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert file.rpartition(".")[0] in ran.stderr

    def test_a_terminal_that_knows_no_marks(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.settled(*FLEET)
        monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
        ran = anchorline(site, "status")
        assert ran.returncode == 0, ran.stderr
        assert "\\u2713" in ran.stdout

    def test_outside_a_site(self, site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
        ran = anchorline(site, "status", cwd=tmp_path_factory.mktemp("nowhere"))
        assert ran.returncode == 2
        assert "no config.py here" in ran.stderr

    @pytest.mark.parametrize("words", [["nowhere.py"], ["--limit", "typo"]])
    def test_no_such_inventory_could_not_tell(self, site: Site, words: list[str]) -> None:
        site.settled(*FLEET)
        ran = anchorline(site, "status", *words)
        assert ran.returncode == 2, ran.stderr
        assert "Traceback" not in ran.stderr
