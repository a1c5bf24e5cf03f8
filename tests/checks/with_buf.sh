# Runs buf, fetched once by npm: with_buf.sh <version> <tools folder> <arguments of buf>…
# Without npm the step is skipped with a message; with STRICT=1 that is a failure.
set -eu
version=$1
home=$2/buf-$version
shift 2

if [ ! -x "$home/node_modules/.bin/buf" ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "proto-lint: skipped, npm is not installed; it fetches buf (your system's package npm)" >&2
    [ -z "${STRICT:-}" ]
    exit
  fi
  rm -rf "$home.new"
  mkdir -p "$home.new"
  npm install --prefix "$home.new" --no-save --no-audit --no-fund --loglevel=error "@bufbuild/buf@$version" >&2
  rm -rf "$home"
  mv "$home.new" "$home"
fi
exec "$home/node_modules/.bin/buf" "$@"
