"""Who: one host runs the registry, the others are its clients.

These are the lab's hosts (`make demo`). Put yours in their place, or write inventory/production.py beside this file
and run `pyinfra inventory/production.py deploy.py`; docs/your-hosts.md shows bastions, sudo and proxies.
"""

_LAB = {"ssh_user": "root", "ssh_key": ".lab/id_ed25519", "ssh_known_hosts_file": ".lab/known_hosts"}

registry = [
    ("registry", {"ssh_hostname": "192.0.2.10", **_LAB}),
]

clients = [
    ("debian", {"ssh_hostname": "192.0.2.21", **_LAB}),
    ("arch-layout", {"ssh_hostname": "192.0.2.22", **_LAB}),
    ("fedora-layout", {"ssh_hostname": "192.0.2.23", **_LAB}),
    ("debian12", {"ssh_hostname": "192.0.2.24", **_LAB}),
]
