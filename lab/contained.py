"""Commands that mount and change roots, run where nothing of it can stay behind.

Each runs in a mount namespace and a process namespace of its own, tied to our life: when it ends, or when we do, even
by SIGKILL, all that it started ends and all that it mounted is gone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from lab.errors import LabError

CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


def contained(what: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run `command`; `what` begins the error message, which ends with the last line that the command said."""
    done = subprocess.run(
        [*CONTAINED, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("E: ")] or said
        last = errors[-1] if errors else f"exit code {done.returncode}, and it said nothing"
        raise LabError(f"{what}: {last}")
