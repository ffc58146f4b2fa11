# The folders of Arch Linux for certificates, on a Debian userland.
umask 022

cat >/etc/os-release <<'RELEASE'
NAME="Arch Linux"
PRETTY_NAME="Arch Linux layout (anchorline lab, Debian userland)"
ID=arch
BUILD_ID=rolling
RELEASE

vendor=/usr/share/ca-certificates/trust-source
mkdir -p /etc/ca-certificates/extracted /etc/ca-certificates/trust-source/anchors \
	/etc/ca-certificates/trust-source/blocklist "$vendor/anchors" "$vendor/blocklist"
# Mozilla's roots come over in the form that p11-kit keeps them in, before the package that has them goes.
trust dump --filter='pkcs11:type=cert' >"$vendor/mozilla.trust.p11-kit"
dpkg --purge --force-depends ca-certificates
rm -rf /etc/ssl/certs /usr/local/share/ca-certificates /usr/share/ca-certificates/mozilla /etc/ca-certificates/update.d

sed -i 's|^x-init-reserved:.*|x-init-reserved: paths=/etc/ca-certificates/trust-source:/usr/share/ca-certificates/trust-source|' \
	/usr/share/p11-kit/modules/p11-kit-trust.module
mkdir -p /etc/ssl/certs/java
ln -s ../../ca-certificates/extracted/tls-ca-bundle.pem /etc/ssl/certs/ca-certificates.crt
ln -s ../ca-certificates/extracted/tls-ca-bundle.pem /etc/ssl/cert.pem
update-ca-trust
