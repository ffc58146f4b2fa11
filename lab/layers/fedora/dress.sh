# The folders of Fedora for certificates, on a Debian userland.
umask 022

cat >/etc/os-release <<'RELEASE'
NAME="Fedora Linux"
PRETTY_NAME="Fedora Linux 42 layout (anchorline lab, Debian userland)"
ID=fedora
VERSION_ID=42
RELEASE

source=/etc/pki/ca-trust/source vendor=/usr/share/pki/ca-trust-source extracted=/etc/pki/ca-trust/extracted
mkdir -p "$source/anchors" "$source/blocklist" "$vendor/anchors" "$vendor/blocklist" \
	"$extracted/openssl" "$extracted/pem" "$extracted/java" "$extracted/edk2" /etc/pki/tls/certs
# Mozilla's roots come over in the form that p11-kit keeps them in, before the package that has them goes.
trust dump --filter='pkcs11:type=cert' >"$vendor/ca-bundle.trust.p11-kit"
dpkg --purge --force-depends ca-certificates
rm -rf /etc/ssl/certs /etc/ca-certificates /usr/local/share/ca-certificates /usr/share/ca-certificates

sed -i 's|^x-init-reserved:.*|x-init-reserved: paths=/etc/pki/ca-trust/source:/usr/share/pki/ca-trust-source|' \
	/usr/share/p11-kit/modules/p11-kit-trust.module
ln -s ../pki/tls/certs /etc/ssl/certs
ln -s "$extracted/pem/tls-ca-bundle.pem" /etc/pki/tls/certs/ca-bundle.crt
ln -s "$extracted/pem/tls-ca-bundle.pem" /etc/pki/tls/certs/ca-certificates.crt
ln -s "$extracted/openssl/ca-bundle.trust.crt" /etc/pki/tls/certs/ca-bundle.trust.crt
ln -s /etc/pki/tls/certs/ca-bundle.crt /etc/pki/tls/cert.pem
update-ca-trust
