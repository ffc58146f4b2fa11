"""The end of a run: what each host came to, failures and unreachable ones apart, on standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyinfra.api import Host, State
from pyinfra.api.state import StateStage
from rich.console import Console
from rich.table import Table
from rich.text import Text

from anchorline.fleet.run import Run

WIDE = 1000
"""Columns where there is no terminal: in a log a line is a line, and can be searched."""
MANY = 40
"""From this many hosts on, only those that have something to tell get a line."""


def show(state: State, run: Run | None, unreachable: Mapping[str, str], *, dry: bool) -> bool:
    """Print the summary of a run and tell whether it did all that it was for. ``unreachable``: host to cause."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=True, highlight=False, width=WIDE)
    hosts = [host for host in state.inventory if state.is_host_in_limit(host)]
    if not hosts:
        console.print("[red]No host:[/] the inventory or --limit matches none; nothing was done")
        return False
    if state.current_stage < StateStage.Execute and not dry and not state.failed_hosts:
        return False  # refused, or not confirmed: what pyinfra says of it is all there is to say
    finished = dry or state.current_stage >= StateStage.Disconnect
    if run is None and finished and not state.failed_hosts:
        return True  # someone else's deploy file, in a folder of ours
    rows = [_row(state, run, unreachable, host, dry=dry, finished=finished) for host in hosts]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", "", "what", "proof"):
        table.add_column(column, overflow="fold")
    for row in rows if len(hosts) < MANY else folded([row for row in rows if row.bad or row.noted]):
        table.add_row(row.host, Text(row.state, style=row.style), Text(row.what), Text(row.proof))
    console.print()
    console.print(table)
    failed = sum(row.state == "failed" for row in rows)
    down = sum(row.state == "unreachable" for row in rows)
    console.print(
        f"\n{len(hosts)} hosts: {len(hosts) - failed - down} well, {failed} failed, {down} unreachable"
        + ("" if finished else "; the run was broken off")
    )
    for line in run.held if run else ():
        console.print(Text(line, style="yellow"))
    return not failed and not down and finished and not (run and run.held)


@dataclass(frozen=True)
class Row:
    """One host in the summary."""

    host: str
    state: str
    style: str
    what: str = ""
    proof: str = ""
    noted: bool = False

    @property
    def bad(self) -> bool:
        return self.style == "red"


def folded(rows: Sequence[Row]) -> list[Row]:
    """Rows that say the same of many hosts as one, which names the first of them: a rollout leaves the same note on a
    thousand hosts. What has failed keeps a line of its own."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.host, row.state) if row.bad else (row.state, row.what), []).append(row)
    return [
        first if not others else replace(first, host=f"{first.host} and {len(others)} more", proof="")
        for first, *others in alike.values()
    ]


def _row(
    state: State, run: Run | None, unreachable: Mapping[str, str], host: Host, *, dry: bool, finished: bool
) -> Row:
    name = host.name
    failure = run.failures.get(name) if run else None
    changes = "; ".join(run.changes.get(name, ())) if run else ""
    notes = "; ".join(run.notes.get(name, ())) if run else ""
    proof = run.proofs.get(name, "") if run else ""
    if host not in state.activated_hosts:
        return Row(name, "unreachable", "red", unreachable.get(name, "not connected"))
    if failure:
        return Row(name, "failed", "red", _join(f"{failure.step}: {failure.cause}", changes, notes), proof)
    if host in state.failed_hosts:
        return Row(name, "failed", "red", "pyinfra tells why above")
    if changes or proof:
        word, style = ("would change", "yellow") if dry else ("changed", "green") if changes else ("proved", "green")
    else:
        word, style = ("as declared", "cyan") if finished else ("untouched", "yellow")
    return Row(name, word, style, _join(changes, notes), proof, bool(notes))


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
