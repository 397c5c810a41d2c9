#!/bin/sh
# Makes the secrets of docker-compose.yml: keys of NATS users, a certificate, a token and passwords, each random, in the
# folder secrets beside this file, which only you can read. What is there already is left as it is, so that the script may run
# again at any time; remove a file to have it made anew.
#
# Needs openssl 3, and foxhunt: bin/foxhunt, or what FOXHUNT says, such as the image (docs/deployment.md).
# SITE_NAMES are further names that stations reach the NATS server by: "DNS:nats.example.org,IP:192.0.2.1".
set -eu
umask 077
cd "$(dirname "$0")"
foxhunt=${FOXHUNT:-$PWD/../bin/foxhunt}
folder=$PWD/secrets

fail() {
	echo "secrets: $*" >&2
	exit 1
}

# make FILE COMMAND: has the command print what goes there, unless it is there already.
make() {
	[ -e "$folder/$1" ] && return
	"$2" >"$folder/$1.new"
	mv "$folder/$1.new" "$folder/$1"
	echo "made $1"
}

# random prints 256 bits for a person to copy.
random() { openssl rand -hex 32; }

# key NAME: a NATS user's key.
key() {
	[ -e "$folder/$1.nk" ] && return
	$foxhunt nkey "$folder/$1.nk" >/dev/null || fail "foxhunt could not make a key; run make first, or set FOXHUNT"
	echo "made $1.nk"
}

# public NAME: the public key, which the file's first line has.
public() { sed -n 's/^# secret key of the NATS user //p' "$folder/$1.nk"; }

# users: deploy/nats/users.conf.example with this site's keys.
users() {
	cat <<-END
		# Public keys of this site's NATS users. Add stations here, as deploy/nats/README.md says; then: docker compose restart nats
		WORKER:   "$(public worker)"
		EXPORTER: "$(public exporter)"
		OPERATOR: "$(public operator)"
		SYSTEM:   "$(public system)"
		STATIONS: [
		  { nkey: "$(public simulator)", permissions: { publish: ["captures.demo.*", "truth.demo.*"], subscribe: "_INBOX_demo.simulator.>" } }
		]
		DASHBOARDS: [ { nkey: "$(public dashboard)" } ]
		DISPATCHERS: [ { nkey: "$(public dispatcher)" } ]
		GATEWAYS: [ { nkey: "$(public gateway)" } ]
	END
}

# certificates: an authority of the site's own, and one certificate for its NATS servers.
certificates() {
	[ -e "$folder/tls/server.pem" ] && return
	names="DNS:nats,DNS:nats-2,DNS:nats-3,DNS:localhost,IP:127.0.0.1${SITE_NAMES:+,$SITE_NAMES}"
	if [ ! -e "$folder/tls/ca.pem" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=foxhunt \
			-keyout "$folder/tls/ca.key" -out "$folder/tls/ca.pem" 2>/dev/null || fail "openssl could not make an authority; is it openssl 3?"
	fi
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj /CN=nats \
		-addext "subjectAltName=$names" -addext basicConstraints=critical,CA:FALSE \
		-CA "$folder/tls/ca.pem" -CAkey "$folder/tls/ca.key" \
		-keyout "$folder/tls/server.key" -out "$folder/tls/server.pem" 2>/dev/null || fail "openssl could not make a certificate for $names"
	echo "made tls/server.pem for $names"
}

# redis: one user, who may do with foxhunt's own keys what foxhunt does. The password is here as its SHA-256 only.
redis() {
	digest=$(tr -d '\n' <"$folder/redis.password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
	cat <<-END
		user default off
		user worker on #$digest ~foxhunt:* resetchannels -@all +@read +@write +@connection +info -@dangerous +info
	END
}

# Containers run as whoever owns the secrets: who .env says, from the first time on; that is yourself, or nobody in particular
# where you are root.
owner=$(sed -n 's/^SITE_USER=//p' ../.env 2>/dev/null | tail -n 1 | tr -d "\"'")
[ -n "$owner" ] || {
	owner=$(id -u):$(id -g)
	[ "$(id -u)" != 0 ] || owner=65532:65532
	echo "SITE_USER=$owner" >>../.env
}
case $owner in
[0-9]*:[0-9]*) ;;
*) fail "SITE_USER in .env is $owner; want numbers of a user and a group, such as 1000:1000" ;;
esac
case $(id -u) in
0 | "${owner%%:*}") ;;
*) [ "${owner%%:*}" = 0 ] || fail "this site's user is $owner, as .env says: run this as that user, or as root" ;; # 0: rootless Docker
esac

mkdir -p "$folder/tls"
keys="worker exporter gateway operator system dashboard dispatcher simulator"
for name in $keys; do key $name; done
make users.conf users
for name in $keys; do # users.conf is yours once it is made
	grep -q "$(public $name)" "$folder/users.conf" || echo "secrets: users.conf does not have the key of $name.nk, so the server refuses it: $(public $name)" >&2
done
certificates
make gateway.token random
make grafana.password random
make redis.password random
make redis.acl redis

[ "$(id -u)" != 0 ] || chown -R "$owner" "$folder"
