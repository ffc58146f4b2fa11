from __future__ import annotations

import logging
from pathlib import Path

import click
import pytest
from pyinfra.api.exceptions import PyinfraError

from anchorline.fleet import guard
from anchorline.fleet.guard import check_options, folder_inventory
from anchorline.fleet.limits import FEWEST, too_many


@pytest.mark.parametrize(
    ("options", "terminal", "refused"),
    [
        ([], True, ""),
        ([], False, "no terminal"),
        (["yes"], False, ""),
        (["yes"], True, ""),
        (["dry"], False, ""),
        (["json_output"], False, ""),
        (["debug_facts"], False, ""),
        (["debug_operations"], False, ""),
        (["dry", "json_output"], False, ""),
        (["dry", "yes"], True, "--dry -y"),
        (["dry", "yes"], False, "--dry -y"),
        (["serial", "yes"], False, "--serial"),
        (["no_wait"], True, "--no-wait"),
        (["no_wait", "yes"], False, "--no-wait"),
    ],
)
def test_what_of_the_command_line_is_refused(options: list[str], terminal: bool, refused: str) -> None:
    params: dict[str, object] = {"yes": False, "dry": False, "limit": (), **dict.fromkeys(options, True)}
    if not refused:
        check_options(params, terminal=terminal)
        return
    with pytest.raises(PyinfraError, match=refused) as error:
        check_options(params, terminal=terminal)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("failed", "hosts", "share", "stops"),
    [
        (0, 0, 0.3, False),
        (0, 1000, 0.0, False),
        (1, 1, 0.3, False),
        (2, 2, 0.3, False),  # two are bad luck
        (3, 3, 0.3, True),
        (3, 9, 0.3, True),
        (3, 10, 0.3, False),  # just as many as the share allows
        (4, 10, 0.3, True),
        (300, 1000, 0.3, False),
        (301, 1000, 0.3, True),
        (3, 1000, 0.0, True),
        (10, 10, 1.0, False),
    ],
)
def test_how_many_hosts_may_fail(failed: int, hosts: int, share: float, stops: bool) -> None:
    assert too_many(failed, hosts, share) == stops
    assert FEWEST == 3, "the spec's documentation says so"


def test_the_folder_stands_for_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.py").write_text("clients = ['a']\n")
    monkeypatch.chdir(tmp_path)
    names = folder_inventory(Path("inventory/hosts.py"))
    here = str(tmp_path / "inventory")
    assert set(names) == {"inventory", "inventory/", "./inventory", "./inventory/", here, f"{here}/"}
    said: dict[str, object] = {}
    exec(names["inventory"], said)
    assert said["clients"] == ["a"]


def test_no_file_no_folder(tmp_path: Path) -> None:
    assert folder_inventory(tmp_path / "inventory/hosts.py") == {}


def test_pyinfras_log_keeps_its_colours_and_nothing_else() -> None:
    red = click.style("[a] ", "red")
    record = logging.LogRecord("pyinfra", logging.ERROR, "", 0, "%sno:\n\x1b[2J%s", (red, "\x07" + "x" * 100_000), None)
    assert guard.clean(record)
    first, second = record.getMessage().split("\n")
    assert first == f"{red}no:"
    assert second.startswith("␛[2J␇xxx")
    assert len(second) == guard.LONGEST_LINE
    plain = logging.LogRecord("pyinfra", logging.INFO, "", 0, "all of %d", (5,), None)
    assert guard.clean(plain)
    assert plain.getMessage() == "all of 5"
