"""What only the registry's host needs, such as another ssh_user."""
