# Certificates as PEM, for awk "$pem"'...': one pass over a file tells them all. The base64 body tells a certificate,
# however its lines are wrapped, ended or commented.
# certificate(line): whether this line ends a certificate, whose body then stands in BODY; reset() before another file;
# wrapped(text): print a body as a certificate.

pem='
    function reset() { WITHIN = 0 }
    function certificate(line,    ended) {
        gsub(/\r/, "", line)
        if (line ~ /-----BEGIN CERTIFICATE-----/) { BODY = ""; WITHIN = 1 }
        else if (line ~ /-----END CERTIFICATE-----/) { ended = WITHIN; WITHIN = 0 }
        else if (WITHIN) { gsub(/[ \t]/, "", line); BODY = BODY line }
        return ended + 0
    }
    function wrapped(text) {
        print "-----BEGIN CERTIFICATE-----"
        for (; text != ""; text = substr(text, 65)) print substr(text, 1, 64)
        print "-----END CERTIFICATE-----"
    }
'

# the bodies of what comes on standard input, a line each
bodies() {
    awk "$pem"'certificate($0) { print BODY }'
}
