"""A fleet of real hosts on one machine, for the demo and the tests."""

from lab.errors import CannotRun, LabError
from lab.fleet import Lab
from lab.hosts import HOSTS, Host

__all__ = ["HOSTS", "CannotRun", "Host", "Lab", "LabError"]
