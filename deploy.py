"""The deployment: what anchorline.yml declares, on the hosts of the inventory."""

from anchorline import authority, fleet, registry, trust, verify

fleet.look(trust, registry, verify)
authority.issue()
trust.rollout()
trust.hand_over()
registry.serve()
verify.prove()
