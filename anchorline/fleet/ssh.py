"""One question to one host: a script over the connection that pyinfra holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gevent
from pyinfra.api import Host, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS

from anchorline.characters import told
from anchorline.fleet.reading import TooMuchError, bounded
from anchorline.problem import Problem

NO_ANSWER = "no answer: the connection broke or timed out"
PATIENCE = 120
"""Seconds for an answer where neither the step nor the inventory (``_timeout``) says so."""
_GRACE = 10
"""Seconds beyond it, for what no limit of pyinfra's covers: to open a channel, to send what a script reads."""


@dataclass(frozen=True)
class Answer:
    """What came back: whether the script ended with 0, and its lines."""

    ok: bool
    stdout: tuple[str, ...] = ()
    stderr: tuple[str, ...] = ()

    @property
    def problem(self) -> Problem:
        """Why it failed: our scripts say so in their last line, and so do sudo, sh and docker. What a host's own words
        say to do stays in the cause: they are nobody's to take apart."""
        lines = [line.strip() for line in (self.stderr or self.stdout) if line.strip()]
        return Problem(told(lines[-1]) if lines else NO_ANSWER)


def ask(host: Host, script: str, *, stdin: str = "", timeout: int | None = None, quiet: bool = False) -> Answer:
    """Run a script on the host, as whoever the operation that is running says (sudo and the like).

    ``timeout`` in seconds replaces the operation's own. ``quiet``: no verbosity prints what the host says. Whatever the
    connection does, the answer is an Answer: an exception here would end the run for every host.
    """
    arguments: dict[str, Any] = {
        key: value for key, value in (host.current_op_global_arguments or {}).items() if key in CONNECTOR_ARGUMENT_KEYS
    }
    if stdin:
        arguments["_stdin"] = stdin
    arguments["_timeout"] = timeout = timeout or patience(host)
    state = host.state
    try:
        with bounded(told), gevent.Timeout(timeout + _GRACE, TimeoutError):
            ok, output = host.run_shell_command(
                StringCommand(script),
                print_output=state.print_output and not quiet,
                print_input=state.print_input,
                **arguments,
            )
    except TimeoutError:
        return Answer(False, stderr=(f"no answer within {timeout} s",))
    except TooMuchError as error:
        return Answer(False, stderr=(f"its answer is too long ({error}), and was left",))
    except Exception as error:
        # paramiko, gevent and the socket each have their own; all mean that this host didn't answer
        return Answer(False, stderr=(f"{NO_ANSWER} ({error or type(error).__name__})",))
    return Answer(ok, tuple(output.stdout_lines), tuple(output.stderr_lines))


def patience(host: Host) -> int:
    """Seconds that an answer may take, as the operation that is running says."""
    given = host.current_op_global_arguments and host.current_op_global_arguments.get("_timeout")
    return int(given or PATIENCE)
