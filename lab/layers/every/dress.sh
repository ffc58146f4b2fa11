# What all hosts share. Runs in the host's root directory; HOST is in the environment.
umask 022

echo "$HOST" >/etc/hostname
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n' "$HOST" >/etc/hosts
printf '%s' "$HOST" | md5sum | cut -c 1-32 >/etc/machine-id
# No name server: a look-up of an unknown name fails at once.
rm -f /etc/resolv.conf && : >/etc/resolv.conf

for user in ops oncall; do useradd --create-home --shell /bin/bash "$user"; done
# "*" is "no password", where useradd's "!" is "locked", which some tools refuse even with a key.
usermod --password '*' ops
echo 'oncall:oncall' | chpasswd
chmod 0440 /etc/sudoers.d/lab
chmod 0600 /etc/ssh/ssh_host_ed25519_key
rm -f /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key*

# Work that a host of the lab has no use for, and that would cost time at each start.
systemctl --quiet mask \
	sshd-keygen.service systemd-networkd.service systemd-networkd.socket console-getty.service getty@tty1.service getty.target \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
	netavark-dhcp-proxy.socket netavark-dhcp-proxy.service systemd-pstore.service systemd-modules-load.service
