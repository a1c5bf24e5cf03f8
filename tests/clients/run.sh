#!/bin/sh
# Runs the clients against a hub of their own, in a folder of its own, and stops it again.
#
#     sh tests/clients/run.sh PATH_OF_FANFARE TOOLS_FOLDER
#
# What pip and npm fetch goes below TOOLS_FOLDER and tests/clients/browser/node_modules.
set -eu

fanfare=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
tools=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
state=$(cd "$here/../.." && pwd)/.fanfare/ephemeral/clients
endpoints=$state/endpoints.json
venv=$tools/clients-venv

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
(cd "$here/browser" && npm ci --silent --no-audit --no-fund)

mkdir -p "$state"
rm -f "$endpoints"
FANFARE_STATE_DIR=$state "$fanfare" up >"$state/up.log" 2>&1 &
hub=$!
stop() {
    kill "$hub" 2>/dev/null || true
    wait "$hub" || true
}
trap stop EXIT
trap 'exit 130' INT TERM

waited=0
while [ ! -s "$endpoints" ]; do
    if ! kill -0 "$hub" 2>/dev/null || [ "$waited" -ge 120 ]; then
        cat "$state/up.log" >&2
        echo "the hub did not start" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
done

failed=0
echo "gRPC by reflection (Python):"
"$venv/bin/python" "$here/grpc_client.py" "$endpoints" || failed=1
echo "gRPC-web in a browser (Chromium):"
(cd "$here/browser" && npm test --silent -- "$endpoints") || failed=1
echo "Notifications in a browser (Chromium), and decrypted by http_ece:"
(cd "$here/browser" && node push.mjs "$endpoints" "$fanfare" "$venv/bin/python") || failed=1
exit "$failed"
