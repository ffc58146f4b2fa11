"""``inventory/failed.py``: the hosts that a run left failed or couldn't reach, so that the next one takes just them.

The file says whose hosts they are, and by which spec; ``pyinfra inventory/failed.py deploy.py`` is a run of those with
``--limit``, so that the others still count where the whole fleet does: at the gate of a rotation, and for who runs the
registry.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from anchorline.characters import quoted
from anchorline.commands import SPEC, typed

NAME = "failed.py"
_TEXT = """\
# Made by anchorline on {time} UTC: the hosts that failed then, or weren't reached.
#   pyinfra {file} deploy.py    takes just them
inventory = {inventory!a}
spec = {spec!a}
failed = [
{hosts}]
"""


@dataclass(frozen=True)
class Failed:
    """What the file says: an inventory as pyinfra takes it, the spec, and the names of hosts in the inventory."""

    inventory: str
    spec: str
    hosts: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> Failed:
        """Read the file. Raises ValueError for one that isn't ours, or was damaged."""
        said = {}
        if not file.is_file():  # a pipe would wait for a writer
            raise ValueError("it is no file")
        try:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    said[node.targets[0].id] = ast.literal_eval(node.value)
        except (RecursionError, MemoryError):
            raise ValueError("it is nested too deep") from None
        inventory, spec, hosts = said.get("inventory"), said.get("spec", SPEC), said.get("failed")
        if isinstance(hosts, list) and hosts and all(isinstance(word, str) for word in (inventory, spec, *hosts)):
            return cls(str(inventory), str(spec), tuple(hosts))
        raise ValueError("it isn't what a run of anchorline writes")


def file_of(inventory: str) -> Path | None:
    """Where the failed hosts of an inventory are remembered: in its folder. None for one that is no file."""
    path = Path(inventory)
    if path.name == NAME or not path.exists():
        return None
    return (path if path.is_dir() else path.parent) / NAME


def remember(inventory: str, spec: Path, hosts: Mapping[str, bool]) -> Path | None:
    """Write down which hosts failed. ``hosts``: those that took part, and whether each did well; what is known of the
    others stays. Returns the file where there is one to take up. Raises OSError.

    A file of another inventory, or another spec, gives way once this one has a failed host.
    """
    file = file_of(inventory)
    if file is None:
        return None
    before: Collection[str] = ()
    ours = False
    with suppress(OSError, SyntaxError, ValueError):
        last = Failed.read(file)
        ours = (last.inventory, last.spec) == (inventory, str(typed(spec)))
        before = last.hosts if ours else ()
    left = [each for each in before if each not in hosts] + [name for name, well in hosts.items() if not well]
    if not left:
        if ours:
            file.unlink()
        return None
    if sorted(left) != sorted(before):
        lines = "".join(f"    {name!a},\n" for name in sorted(left))
        time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        words = {"inventory": inventory, "spec": str(typed(spec)), "hosts": lines}
        # a line feed in the path would end the comment
        _write(file, _TEXT.format(time=time, file=quoted(str(file)), **words))
    return file


def _write(file: Path, text: str) -> None:
    """In one step, whatever is in its place, and with a mode that no umask opens."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644), "w", encoding="utf-8"
    ) as opened:
        opened.write(text)
    try:
        new.replace(file)
    except OSError:
        new.unlink()
        raise


def instead(inventory: str, arguments: Sequence[str]) -> list[str] | None:
    """The command that a run of ``failed.py`` stands for; None for any other inventory. ``arguments`` are pyinfra's.

    Raises ValueError, in a sentence.
    """
    file = Path(inventory)
    if file.name != NAME:
        return None
    if not file.exists():
        raise ValueError(f"{file} isn't there: the last run left no host failed, so there is nothing to take up")
    if any(each.split("=")[0] == "--limit" for each in arguments):
        raise ValueError(f"{file} is a --limit already: leave yours out, or name {file.parent} in its place")
    try:
        failed = Failed.read(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} can't be read ({error}): remove it, and deploy to the whole inventory") from None
    options = [word for host in failed.hosts for word in ("--limit", host)]
    if failed.spec != SPEC and not any(each.removeprefix("--data=").startswith("spec=") for each in arguments):
        options += ["--data", f"spec={failed.spec}"]
    at = arguments.index(inventory)
    rest = [*arguments[:at], *options, failed.inventory, *arguments[at + 1 :]]
    return [sys.executable, "-m", "pyinfra", *rest]
