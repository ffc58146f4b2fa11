"""What only the clients need, such as a bastion: ssh_config_file = "ssh_config"."""
