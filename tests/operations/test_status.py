"""``anchorline status`` and the end of every run, by the real command line over @fake hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from anchorline.authority.generations import rotate

from .site import INVENTORY, SPEC, Ran, Site

FLEET = ("registry", "a", "b")
STEP = "anchorline.report.status"


def status(site: Site, *arguments: str) -> Ran:
    """The step that the command stands for, so that what hosts are told is noted."""
    return site.run("-y", *arguments, "inventory", STEP)


def as_data(ran: Ran) -> dict[str, object]:
    found: dict[str, object] = json.loads(ran.out)
    return found


def anchorline(site: Site, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    (site.folder / "answers.json").write_text(json.dumps(site.answers))
    command = [str(Path(sys.executable).with_name("anchorline")), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(site.folder), "NO_COLOR": "1"}
    options = {"cwd": cwd or site.folder, "env": environment, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def lines(site: Site, host: str) -> list[str]:
    """What a host answers, to be changed."""
    found: list[str] = site.answers[host]["=== end"]["stdout"]
    return found


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


class TestFiles:
    def test_a_run_writes_its_report(self, site: Site) -> None:
        site.new(*FLEET)
        ran = site.deploy("--data", "report=run.json", "--json")
        assert ran.code == 0, ran.said
        json.loads(ran.out)
        told = json.loads((site.folder / "run.json").read_text())
        assert told["kind"] == "run"
        assert {each["condition"] for each in told["hosts"]} == {"changed"}
        assert all("present" in held for each in told["hosts"] for held in each["stores"].values())

    @pytest.mark.parametrize("name", ["plan.md", "plan.json"])
    def test_a_plan_is_a_document_and_leaves_no_other_trace(self, site: Site, name: str) -> None:
        site.new(*FLEET)
        ran = site.run("--dry", "--data", f"plan={name}", "inventory", "deploy.py")
        assert ran.code == 0, ran.said
        said = (site.folder / name).read_text()
        for words in ("system store", "docker", "server", "missing"):
            assert words in said
        assert not site.pki.exists()

    def test_no_plan_of_a_run_that_was_no_plan(self, site: Site) -> None:
        site.new(*FLEET)
        assert site.deploy("--data", "plan=plan.md").code == 0
        assert not (site.folder / "plan.md").exists()

    @pytest.mark.parametrize(
        ("file", "words"),
        [("nowhere/run.html", "make the folder"), ("run.pdf", "no form of a report"), (".", "no form of a report")],
    )
    def test_a_file_that_cannot_be_written_is_refused_first(self, site: Site, file: str, words: str) -> None:
        site.new(*FLEET)
        ran = site.deploy("--data", f"report={file}")
        assert ran.code == 1
        assert words in ran.err
        assert ran.counts == {}, "no host was asked"

    def test_an_unknown_form(self, site: Site) -> None:
        site.settled(*FLEET)
        ran = status(site, "--data", "form=pdf")
        assert ran.code in (1, 2)
        assert "no form of a report" in ran.err


class TestFailed:
    def test_failed_hosts_are_taken_up(self, site: Site) -> None:
        site.new(*FLEET, "c")
        fails = {"success": False, "stderr": ["no space left"]}
        sound = site.answers["b"]
        site.answers["b"] = {"=== end": sound["=== end"], "hosts_entry": fails}
        site.answers["c"] = {"down": True}
        ran = site.deploy()
        assert ran.code == 1
        assert "then, for just those: pyinfra inventory/failed.py deploy.py" in ran.err
        site.answers["b"] = sound
        site.new("c")
        again = site.run("-y", "inventory/failed.py", "deploy.py")
        assert again.code == 0, again.said
        assert set(again.counts) == {"b", "c"}, "just them"
        assert not (site.folder / "inventory/failed.py").exists()
        gone = site.run("-y", "inventory/failed.py", "deploy.py")
        assert gone.code == 1
        assert "the last run left no host failed" in gone.err

    def test_a_plan_remembers_nobody(self, site: Site) -> None:
        site.new(*FLEET)
        site.answers["b"] = {"down": True}
        site.run("--dry", "inventory", "deploy.py")
        assert not (site.folder / "inventory/failed.py").exists()

    def test_a_doctor_s_look_does_not_count(self, site: Site) -> None:
        site.settled(*FLEET)
        lines(site, "b")[:] = [line for line in lines(site, "b") if not line.startswith("bundled")]
        assert site.run("-y", "inventory", "anchorline.verify.doctor").code == 1
        assert not (site.folder / "inventory/failed.py").exists()

    def test_hosts_that_a_run_did_not_come_to_stay_remembered(self, site: Site) -> None:
        site.new(*FLEET, "c", "d", "e")
        site.answers["e"] = {"down": True}
        site.deploy()
        site.new("e")
        for host in ("a", "b", "c", "d"):  # more than the limit allows: the run stops before it touches anybody
            site.says(host, stdout=["hello"])
        ran = site.deploy()
        assert ran.code == 1
        assert "stopped before" in ran.err
        assert "@fake/e" in (site.folder / "inventory/failed.py").read_text()

    def test_causes_are_grouped_with_the_next_step(self, site: Site) -> None:
        site.new(*FLEET, "c")
        for host in ("b", "c"):
            site.answers[host]["hosts_entry"] = {"success": False, "stderr": ["no space left"]}
        told = site.deploy().err.partition("What to do")[2]
        assert "@fake/b, @fake/c: trust: no space left" in told
        assert "pyinfra -y --limit @fake/b --limit @fake/c inventory anchorline.verify.doctor" in told

    def test_a_report_that_cannot_be_written_at_the_end_forgets_nobody(self, site: Site) -> None:
        site.new(*FLEET)
        site.answers["b"] = {"down": True}
        (site.folder / "out").mkdir()
        (site.folder / "inventory/hosts.py").write_text(
            f"{INVENTORY}\nimport atexit, fakes, pathlib, pyinfra.connectors.fake as fake\n"
            "plain = fake.FakeConnector.disconnect\n"
            "def gone(self): pathlib.Path('out').is_dir() and pathlib.Path('out').rmdir(); return plain(self)\n"
            "fake.FakeConnector.disconnect = gone\n"
        )
        ran = site.deploy("--data", "report=out/run.json")
        assert ran.code == 1
        assert "out/run.json: the report can't be written" in ran.err
        assert "@fake/b" in (site.folder / "inventory/failed.py").read_text()

    def test_what_is_to_be_typed_again_has_what_was_typed(self, site: Site) -> None:
        site.settled(*FLEET)
        site.answers["b"] = {"down": True}
        ran = site.run("-y", "--data", "ca=ab 12", "--data", "secret=x", "inventory", "anchorline.trust.rollout")
        again = "pyinfra --data 'ca=ab 12' inventory/failed.py anchorline.trust.rollout"
        assert f"then, for just those: {again}\n" in ran.err
        assert "secret" not in ran.said, "what isn't ours is somebody's own"


class TestAnotherSite:
    """Next steps are for the inventory and the spec that were asked about."""

    @pytest.fixture
    def staging(self, site: Site) -> Site:
        site.settled(*FLEET)
        (site.folder / "anchorline.yml").rename(site.folder / "staging.yml")
        (site.folder / "inventory/hosts.py").rename(site.folder / "inventory/staging.py")
        return site

    def test_of_a_status(self, staging: Site) -> None:
        lines(staging, "b")[:] = [line for line in lines(staging, "b") if not line.startswith("bundled")]
        ran = staging.run("-y", "--data", "spec=staging.yml", "inventory/staging.py", STEP)
        assert ran.code == 1
        step = "pyinfra -y --limit @fake/b --data spec=staging.yml inventory/staging.py anchorline.trust.rollout"
        assert f"here: {step}\n" in ran.out

    def test_of_a_deploy(self, staging: Site) -> None:
        staging.answers["b"] = {"down": True}
        assert staging.run("-y", "--data", "spec=staging.yml", "inventory/staging.py", "deploy.py").code == 1
        again = staging.run("-y", "inventory/failed.py", "deploy.py")
        assert again.code == 1, "it is down still"
        assert "no route to host" in again.err
        assert "anchorline.yml" not in again.said
