# fingerprint_at ADDRESS:PORT SECONDS: the SHA-256 of the certificate that is served there, in small hexadecimal digits;
# nothing where none is, or where there is no openssl.

fingerprint_at() {
    command -v openssl >/dev/null || return 0
    timeout "$2" openssl s_client -connect "$1" </dev/null 2>/dev/null |
        openssl x509 -noout -fingerprint -sha256 2>/dev/null | sed 's/.*=//; s/://g; y/ABCDEF/abcdef/'
}
