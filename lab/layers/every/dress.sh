# What all hosts share. Runs in the host's root directory; HOST is in the environment.
umask 022

echo "$HOST" >/etc/hostname
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n' "$HOST" >/etc/hosts
printf '%s' "$HOST" | md5sum | cut -c 1-32 >/etc/machine-id
# No name server: a probe-up of an unknown name fails at once.
rm -f /etc/resolv.conf && : >/etc/resolv.conf

for user in ops oncall; do useradd --create-home --shell /bin/bash "$user"; done
# "*" is "no password", where useradd's "!" is "locked", which some tools refuse even with a key.
usermod --password '*' ops
echo 'oncall:oncall' | chpasswd
chmod 0440 /etc/sudoers.d/lab
chmod 0600 /etc/ssh/ssh_host_ed25519_key
rm -f /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key*

# Work that a host of the lab has no use for, and that would cost time at each of its hundred starts. A unit that one
# Debian doesn't have is masked on the other alone.
systemctl --quiet mask \
	sshd-keygen.service console-getty.service getty@tty1.service getty.target \
	systemd-networkd.service systemd-networkd.socket netavark-dhcp-proxy.socket netavark-dhcp-proxy.service \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
	systemd-pstore.service systemd-modules-load.service systemd-sysctl.service systemd-remount-fs.service \
	systemd-journal-flush.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-logind.service \
	systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer \
	systemd-ask-password-console.path systemd-ask-password-wall.path systemd-initctl.socket \
	systemd-hostnamed.socket systemd-sysext.socket systemd-creds.socket \
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
	sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
mkdir -p /etc/systemd/system-generators
for generator in /usr/lib/systemd/system-generators/systemd-*; do
	ln -s /dev/null "/etc/systemd/system-generators/${generator##*/}"
done
