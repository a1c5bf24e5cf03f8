# The checked SQL in .sqlx, made from every query in the code against a migrated database.
# sqlx_data.sh write|check <with-servers>: writes it anew, or compares what is there with what would be written.
set -eu
mode=$1
with_servers=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
new=$root/.fanfare/sqlx.new

rm -rf "$new"
mkdir -p "$new"
# Queries are checked when their crate is compiled, so that must happen again.
touch "$root/crates/store/src/lib.rs"
"$with_servers" --migrate -- env SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$new" "${CARGO:-cargo}" check --quiet --workspace --all-targets
touch "$root/crates/store/src/lib.rs"
if [ -z "$(ls "$new")" ]; then
  echo "sqlx: nothing was compiled, another cargo has just done it; try again" >&2
  exit 1
fi

if [ "$mode" = write ]; then
  rm -rf "$root/.sqlx"
  mv "$new" "$root/.sqlx"
  echo "sqlx: $(find "$root/.sqlx" -name '*.json' | wc -l | tr -d ' ') queries in .sqlx"
else
  if ! diff -r "$root/.sqlx" "$new" >/dev/null 2>&1; then
    echo "check-sqlx: .sqlx is not what the code needs; \`make sqlx\` writes it anew" >&2
    exit 1
  fi
  rm -rf "$new"
fi
