"""What the fleet's owner declares: a YAML file, read into types, with everything wrong in it said at once.

Pure: it reads files and touches nothing else.
"""

from anchorline.spec.load import CheckResult, check, load
from anchorline.spec.model import Spec

__all__ = ["CheckResult", "Spec", "check", "load"]
