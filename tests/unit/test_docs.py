"""The documentation's pages: links, lines, specs. Each reader must find something."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from anchorline.spec import check
from tests.unit.documents import PAGES, README, ROOT, blocks, prose, slug

OURS_ALONE = [page for page in PAGES if page.parent.name != "lab"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(each) for each in re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)}, target


def test_every_page_is_in_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", README.read_text()))
    assert linked == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", OURS_ALONE, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit_a_screen(page: Path) -> None:
    wide = [line for line in prose(page.read_text()).splitlines() if len(line) > 110 and line[:1] not in ("|", " ")]
    assert wide == []


def specs() -> list[tuple[str, str]]:
    marked = re.compile(r"<!-- spec -->\n```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [(page.name, text) for page in PAGES for text in marked.findall(page.read_text())]


def test_specs_are_marked() -> None:
    """A YAML block that is a whole spec isn't forgotten."""
    whole = [body for page in PAGES for language, body in blocks(page.read_text()) if body.startswith("version:")]
    assert sorted(whole) == sorted(text for _, text in specs())
    assert len(whole) >= 4


@pytest.mark.parametrize(("page", "text"), specs())
def test_specs_have_no_error(page: str, text: str, tmp_path: Path) -> None:
    for file in (ROOT / "tests/data/seed").iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "company-root.pem").write_text("read by the authority, not by the check\n")
    file = tmp_path / "anchorline.yml"
    file.write_text(text)
    assert check(file).errors == (), page
