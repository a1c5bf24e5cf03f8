#!/bin/sh
# Has programs that nobody here has written judge what the adapters send and what the sandbox answers:
# run.sh <version of Prism> <tools folder> <sandbox> <cargo>
set -eu

version=$1
tools=$2/prism-$version
sandbox=$3
cargo=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/.fanfare/ephemeral/contracts

if [ ! -x "$tools/node_modules/.bin/prism" ]; then
    if ! command -v npm >/dev/null 2>&1; then
        echo "test-contracts: skipped, npm is not installed; it fetches the mock (your system's package npm)" >&2
        [ -z "${STRICT:-}" ]
        exit
    fi
    rm -rf "$tools.new"
    mkdir -p "$tools.new"
    npm install --prefix "$tools.new" --no-save --no-audit --no-fund --loglevel=error "@stoplight/prism-cli@$version" >&2
    rm -rf "$tools"
    mv "$tools.new" "$tools"
fi

venv=$2/contracts-venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"

rm -rf "$work"
mkdir -p "$work/letters"
# Built with the whole workspace, as everything is: alone it would be built anew, with fewer features of its dependencies.
tests=$($cargo test --workspace --lib --no-run --message-format json-render-diagnostics | python3 -c '
import json, sys
built = (json.loads(line) for line in sys.stdin if line.startswith("{"))
print(*(b["executable"] for b in built if b.get("executable") and b["target"]["name"] == "providers"))')
(cd "$root/crates/providers" && FANFARE_CALLS_DIR=$work FANFARE_DKIM_OUT=$work/letters "$tests" --quiet)
failed=0
echo "DKIM, verified by dkimpy:"
"$venv/bin/python" -B "$here/verify_dkim.py" "$work/letters" || failed=1
echo "Requests and answers, judged by Prism:"
python3 -B "$here/replay.py" "$tools/node_modules/.bin/prism" "${FANFARE_CONTRACTS:-$root/../shared/contracts}" "$work" "$sandbox" || failed=1
exit "$failed"
