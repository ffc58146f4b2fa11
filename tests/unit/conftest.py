from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anchorline.authority import Staged, keys, stage
from anchorline.spec.model import Spec
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import difference
from anchorline.verify.diagnosis import Case
from tests.unit import cases
from tests.unit.blue import DEBIAN, FOLDERS, SPEC, after, spec_of
from tests.unit.other_tools import OpensslCa
from tests.unit.sites import NOW, declare

SpecFile = Callable[[str], Path]


@pytest.fixture
def spec_file(tmp_path: Path) -> SpecFile:
    """Writes a spec into a folder of its own and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "anchorline.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(
    params=[pytest.param(3, id="each-third-call"), pytest.param(1, id="each-call", marks=pytest.mark.drill)]
)
def stride(request: pytest.FixtureRequest) -> int:
    """From which call to the disk a test goes on to which."""
    stride: int = request.param
    return stride


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A site after its first run."""
    spec = declare(tmp_path)
    stage(spec, NOW).commit()
    return spec


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, Staged]:
    spec = spec_of(tmp_path_factory.mktemp("blue"), SPEC)
    return spec, stage(spec)


@pytest.fixture(scope="module")
def wanted(blue: tuple[Spec, Staged]) -> DesiredTrust:
    return DesiredTrust.of(*blue)


@pytest.fixture
def new() -> ObservedTrust:
    """A host of Debian with Docker and containerd, that has heard of nothing."""
    return ObservedTrust(("debian",), DEBIAN, tools=frozenset({"docker", "containerd", "curl"}), folders=FOLDERS)


@pytest.fixture
def settled(new: ObservedTrust, wanted: DesiredTrust) -> ObservedTrust:
    """A host that has what it should."""
    return after(new, wanted, difference(new, wanted))


@pytest.fixture(scope="module")
def blue_ca(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return cases.site(tmp_path_factory.mktemp("blue"), "blue")


@pytest.fixture(scope="module")
def red_ca(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return cases.site(tmp_path_factory.mktemp("red"), "red")


@pytest.fixture
def well(blue_ca: Staged) -> Case:
    """A host on which nothing is wrong."""
    return cases.healthy(blue_ca)


@pytest.fixture
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


@pytest.fixture
def cfssl(old: Path) -> OpensslCa:
    """cfssl's names; keys as SEC1; its CA has no pathlen."""
    ca = OpensslCa(old).make()
    ca.issue("server.pem", "server-key.pem")
    return ca
