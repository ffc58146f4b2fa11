"""Who failed, and what is to be typed next."""

from __future__ import annotations

import pytest

from tests.operations.statuses import FLEET, STEP, lines

from .site import INVENTORY, LOOK, Site


class TestFailed:
    def test_failed_hosts_are_taken_up(self, site: Site) -> None:
        site.new(*FLEET, "c")
        fails = {"success": False, "stderr": ["no space left"]}
        sound = site.answers["b"]
        site.answers["b"] = {LOOK: sound[LOOK], "hosts_entry": fails}
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
