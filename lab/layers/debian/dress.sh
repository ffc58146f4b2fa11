# Debian as it is: update-ca-certificates and its folders. p11-kit is there for the other layouts.
dpkg --purge --force-depends p11-kit p11-kit-modules
