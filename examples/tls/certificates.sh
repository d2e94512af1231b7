#!/bin/sh
# Makes a CA and the certificates of this example in certs/, all good for 30 days.
set -eu

mkdir -p certs
cd certs

make() { # NAME SUBJECT-ALT-NAMES [OPENSSL-OPTION…]
    name=$1 names=$2
    shift 2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj "/CN=$name" -keyout "$name.key" -out "$name.crt" \
        ${names:+-addext "subjectAltName=$names"} "$@" 2>/dev/null
}

signed() {
    make "$1" "$2" -CA ca.crt -CAkey ca.key -addext basicConstraints=critical,CA:FALSE
}

make ca "" -addext keyUsage=critical,keyCertSign,cRLSign
signed web.test DNS:web.test
signed api.test 'DNS:*.api.test'
signed back.test DNS:back.test
signed front.test DNS:front.test,URI:spiffe://example.test/front
