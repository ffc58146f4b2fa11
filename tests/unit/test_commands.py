from __future__ import annotations

from pathlib import Path

import pytest

from anchorline.commands import anchorline, pyinfra


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_goes_without_saying_is_not_said(folder: Path) -> None:
    for spec in (Path("anchorline.yml"), folder / "anchorline.yml"):
        assert pyinfra("deploy.py", spec) == "pyinfra inventory deploy.py"
        assert anchorline("pki rotate", spec) == "anchorline pki rotate"


def test_another_spec_another_inventory_one_host(folder: Path) -> None:
    told = pyinfra("anchorline.trust.rollout", Path("a b.yml"), host="web;1", inventory="inventory/staging.py")
    assert told == "pyinfra -y --limit 'web;1' --data 'spec=a b.yml' inventory/staging.py anchorline.trust.rollout"
    assert anchorline("pki rotate", Path("a b.yml")) == "anchorline pki rotate --spec 'a b.yml'"
    assert pyinfra("x", folder / "sub/s.yml", sure=True) == "pyinfra -y --data spec=sub/s.yml inventory x"
    assert pyinfra("x", folder.parent / "s.yml") == f"pyinfra --data spec={folder.parent / 's.yml'} inventory x"
