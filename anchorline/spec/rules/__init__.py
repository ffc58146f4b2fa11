"""The lint rules: one function each, in the file of what it looks at."""

from anchorline.spec.rules import authority, certificates, files, registry
from anchorline.spec.rules.rule import Finding, Rule

RULES: dict[str, Rule] = {
    each.code: each
    for module in (authority, certificates, registry, files)
    for each in vars(module).values()
    if isinstance(each, Rule)
}
"""Every rule by its code."""

__all__ = ["RULES", "Finding", "Rule"]
