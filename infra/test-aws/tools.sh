#!/bin/sh
# Installs what test-aws needs into .build/aws, at the versions that pom.xml,
# requirements.txt and package-lock.json name. What is there already stays; a
# changed file makes its folder anew. Java 17, Maven, Python's venv and npm come
# from Debian if they are missing and we may install.
set -eu
cd "$(dirname "$0")/../.."
here=infra/test-aws tools=.build/aws
mkdir -p "$tools"

# debian COMMAND PACKAGE... installs the packages unless the command succeeds.
debian() {
	if sh -c "$1" >/dev/null 2>&1; then
		return
	fi
	shift
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test-aws needs $*: install it" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
}

# fresh FOLDER FILE succeeds if the folder was made of this very file; else it
# removes the folder.
fresh() {
	cmp -s "$1/made-of" "$2" && return
	rm -rf "$1"
	return 1
}

debian 'java -version 2>&1 | grep -qE "version \"(1[7-9]|[2-9][0-9])"' openjdk-17-jre-headless
debian 'command -v curl' curl

if ! fresh "$tools/dynamodb" "$here/pom.xml"; then
	debian 'command -v mvn' maven
	mvn --batch-mode --quiet --file "$here/pom.xml" dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$PWD/$tools/dynamodb"
	cp "$here/pom.xml" "$tools/dynamodb/made-of"
fi

if ! fresh "$tools/python" "$here/requirements.txt"; then
	debian 'python3 -c "import ensurepip"' python3-venv
	python3 -m venv "$tools/python"
	"$tools/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
	cp "$here/requirements.txt" "$tools/python/made-of"
fi

if ! fresh "$tools/node" "$here/package-lock.json"; then
	debian 'command -v npm' npm
	mkdir -p "$tools/node"
	cp "$here/package.json" "$here/package-lock.json" "$tools/node/"
	(cd "$tools/node" && npm ci --silent --ignore-scripts --no-audit --no-fund)
	cp "$here/package-lock.json" "$tools/node/made-of"
fi
