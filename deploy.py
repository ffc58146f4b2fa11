"""The deployment: what anchorline.yml declares, on the hosts of the inventory."""

from anchorline import authority, fleet, registry, rotation, trust, verify

fleet.gather(trust, registry, verify)
authority.issue()
trust.rollout()
rotation.promote()
registry.serve()
verify.clients()
