"""The fleet of a test: @fake hosts that answer from answers.json, each command to them noted in commands.log.

Copied into a test's site, where its inventory imports it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.fake import FakeConnector

HERE = Path(__file__).parent
ANSWERS: dict[str, dict[str, Any]] = json.loads((HERE / "answers.json").read_text())
SECONDS = {"fake_delay": 0, "fake_delay_jitter": 0}


def group(pattern: str) -> list[tuple[str, dict[str, Any]]]:
    """The hosts whose names match, for an inventory."""
    return [
        (f"@fake/{host}", {**SECONDS, "fake_responses": answers})
        for host, answers in ANSWERS.items()
        if re.fullmatch(pattern, host)
    ]


def note(connector: Any, kind: str, text: str) -> None:
    """Note what a host was told."""
    with (HERE / "commands.log").open("a") as log:
        log.write(json.dumps([connector.host.name.removeprefix("@fake/"), kind, text]) + "\n")


def watch(connector: Any) -> None:
    """Have each command and each file noted, and let hosts hang or be down where their answers say so."""
    plain_run, plain_put, plain_connect = connector.run_shell_command, connector.put_file, connector.connect

    def run(self: Any, command: Any, *args: Any, **kwargs: Any) -> Any:
        text = command if isinstance(command, str) else command.get_raw_value()
        note(self, "run", text)
        if any("hangs" in answer for each, answer in self.data["fake_responses"].items() if each in text):
            raise TimeoutError
        ok, output = plain_run(self, command, *args, **kwargs)
        frame = str(kwargs.get("_stdin", "")).partition("\n")[0]
        for each in output.combined_lines:
            each.line = re.sub("^=== ", f"=== {frame} ", each.line)
        return ok, output

    def put(self: Any, filename: Any, remote: str, *args: Any, **kwargs: Any) -> Any:
        note(self, "put", remote)
        return plain_put(self, filename, remote, *args, **kwargs)

    def connect(self: Any) -> Any:
        answers = ANSWERS[self.host.name.removeprefix("@fake/")]
        if "down" in answers:
            raise ConnectError(why if isinstance(why := answers["down"], str) else "no route to host")
        return plain_connect(self)

    connector.run_shell_command, connector.put_file, connector.connect = run, put, connect


watch(FakeConnector)
