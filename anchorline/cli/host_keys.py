"""``anchorline host-keys``: the keys of the inventory's hosts, to be compared, and to be known from then on."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from anchorline.characters import visible
from anchorline.cli.base import Command
from anchorline.cli.first_keys import CHECKING, KNOWN_HOSTS, KNOWN_HOSTS_FILE, accepted
from anchorline.cli.known_hosts import Compared, Way, add, compare, fingerprint, resolved
from anchorline.commands import INVENTORY, host_keys_of
from anchorline.errors import AnchorlineError

PATIENCE = 120
"""Seconds that pyinfra gets to tell the inventory: it may ask a cloud."""
_OWN = "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"
_CONFIG = "~/.ssh/config"


@click.command(cls=Command, example="anchorline host-keys --limit web1")
@click.argument("inventory", default=INVENTORY)
@click.option("--limit", multiple=True, metavar="HOST", help="These hosts or groups alone.")
@click.option("--write", is_flag=True, help="Add the keys of hosts of which none is known.")
def host_keys(inventory: str, limit: tuple[str, ...], write: bool) -> None:
    """Ask every host of INVENTORY for its SSH host keys, and show their fingerprints beside the known ones.

    With --write those of hosts that aren't known yet are added to the known_hosts file that the inventory names, or to
    inventory/known_hosts. A key that has changed is never replaced.

    Exit code 0: all could be asked, and none has changed. 1: something else.
    """
    if not Path("config.py").is_file():
        raise AnchorlineError("there is no config.py here", "go to the folder of a site; `anchorline init` makes one")
    ways = [_way(host, inventory) for host in _chosen(_hosts(inventory), limit)]
    if not ways:
        raise AnchorlineError(f"{inventory}: no host of it is reached over SSH, or is in the limit")
    found = compare(ways)
    if write:
        add(each for each in found if each.is_new)
    for each in found:
        for line in told(each, inventory, written=write):
            click.echo(visible(line))
    if any(each.is_new for each in found):
        click.echo(f"Each host says its own on its console: {_OWN}")
        limits = [word for each in limit for word in ("--limit", each)]
        again = shlex.join(["anchorline", "host-keys", *([inventory] if inventory != INVENTORY else []), *limits])
        click.echo("Where one differs, take its lines out again." if write else f"If they agree: {again} --write")
    for problem in accepted(Path()) if write else ():
        click.echo(f"Still: {problem}")
    sys.exit(any(each.has_changed or not each.shown for each in found))


def told(found: Compared, inventory: str, *, written: bool) -> Iterator[str]:
    """The lines about one host. ``written``: what was new of it has been added."""
    way = found.way
    where = f"{way.host} ({way.entry})" if way.entry != way.host else way.host
    if way.through:
        yield f"{where}: reached through {way.through}, and ssh-keyscan can't go there"
        if way.by_hand:
            yield f"  compare what this prints, and add it: {way.by_hand} >>{shlex.quote(str(way.file))}"
        else:
            yield f"  run ssh-keyscan where it can be reached, and add its lines to {way.file}"
    elif not found.shown:
        yield f"{where}: no answer"
    elif found.has_changed:
        yield f"{where}: CHANGED: it isn't the host that it was, or somebody stands between"
        yield from (f"  was {kind} {fingerprint(key)}" for kind, key in found.known.items())
        yield from (f"  now {kind} {fingerprint(key)}" for kind, key in found.shown.items())
        gone = shlex.join(["ssh-keygen", "-R", way.entry, "-f", str(way.file)])
        yield f"  if its console says the same: {gone} && {host_keys_of(way.host, inventory, write=True)}"
    else:
        news = f"added to {way.file}" if written else f"not in {way.file}"
        yield f"{where}: {f'new, {news}' if found.is_new else f'as in {way.file}'}"
        yield from (f"  {kind} {fingerprint(key)}" for kind, key in found.shown.items() if found.is_new)


def _way(host: Mapping[str, Any], inventory: str) -> Way:
    """As pyinfra's connector has it: what the inventory says goes before ssh's configuration."""
    data, name = host["data"], str(host["name"])
    address = str(data.get("ssh_hostname") or name.removeprefix("@ssh/"))
    config = data.get("ssh_config_file")
    said = resolved(address, str(config or _CONFIG))
    through = next((said[word] for word in ("proxycommand", "proxyjump") if said.get(word, "none") != "none"), "")
    port = int(data.get("ssh_port") or said.get("port") or 22)
    if file := data.get(KNOWN_HOSTS):
        known = Path(str(file)).expanduser()
    elif data.get(CHECKING) == "yes":
        known = Path("~/.ssh/known_hosts").expanduser()
    else:
        path = Path(inventory)
        known = path / KNOWN_HOSTS_FILE if path.is_dir() else path.parent / KNOWN_HOSTS_FILE
    return Way(name, said.get("hostname", address), port, known, through, str(config or ""))


def _chosen(hosts: Iterable[Mapping[str, Any]], limit: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for host in hosts:
        name = str(host["name"])
        over_ssh = not name.startswith("@") or name.startswith("@ssh/")
        if over_ssh and (not limit or any(fnmatchcase(name, each) or each in host["groups"] for each in limit)):
            yield host


def _hosts(inventory: str) -> list[dict[str, Any]]:
    """The inventory with its data, as pyinfra reads it: a list of ``name``, ``groups`` and ``data``."""
    command = [sys.executable, "-m", "pyinfra", "--json", inventory, "debug-inventory"]
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise AnchorlineError(f"{inventory}: pyinfra hasn't read it in {PATIENCE} s") from None
    try:
        hosts: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = "".join(ran.stderr.strip().splitlines()[-1:])
        command[0] = "python"
        raise AnchorlineError(f"{inventory}: pyinfra can't read it: {last}", shlex.join(command)) from None
    return hosts
