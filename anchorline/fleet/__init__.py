"""The whole fleet at once: the look before the touch, the gates between the steps, the summary at the end."""

from anchorline.fleet.deploy import begin, look
from anchorline.fleet.operations import Commands, changing, failing, for_the_fleet
from anchorline.fleet.probe import Question, Room
from anchorline.fleet.run import CLIENTS, REGISTRY, Run, RunError
from anchorline.fleet.script import File, script, state_folder, stdin
from anchorline.fleet.ssh import Answer

__all__ = [
    "CLIENTS",
    "REGISTRY",
    "Answer",
    "Commands",
    "File",
    "Question",
    "Room",
    "Run",
    "RunError",
    "begin",
    "changing",
    "failing",
    "for_the_fleet",
    "look",
    "script",
    "state_folder",
    "stdin",
]
