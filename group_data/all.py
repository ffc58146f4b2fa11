"""How to reach every host. What a host says for itself in the inventory counts more."""

# _sudo = True                  # when ssh_user isn't root
# ssh_user = "ops"
# ssh_key = "~/.ssh/id_ed25519"

# The keys by which hosts prove who they are: none is accepted that isn't in this file. `anchorline host-keys` shows
# them, to be compared, and with --write puts them there.
ssh_known_hosts_file = "inventory/known_hosts"
ssh_strict_host_key_checking = "yes"

# Seconds until a command that says nothing is given up: a host that hangs must not hold the fleet.
_timeout = 120

# The same for opening a channel, which _timeout doesn't cover (paramiko's own wait is an hour).
ssh_paramiko_connect_kwargs = {"channel_timeout": 20, "banner_timeout": 20, "auth_timeout": 20}
ssh_connect_retries = 1
