"""What a run writes: its report, its plan."""

from __future__ import annotations

import json

import pytest

from tests.operations.statuses import FLEET, status

from .site import Site


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
