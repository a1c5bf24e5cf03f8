"""Checks which crate may depend on which (docs/ARCHITECTURE.md), from `cargo metadata`.

Nothing is built and nothing is fetched. Prints each breach with its remedy; exits with 1 if there is one.
"""

import json
import pathlib
import re
import subprocess
import sys

# May start services as processes, or link them to test them.
MAY_USE_SERVICES = {"e2e"}
PURE = {"domain": {"tokio", "tokio-util", "tokio-stream", "sqlx", "tonic", "async-nats", "reqwest", "axum"}}
NAMED_ONLY_IN = {"sqlx": {"store"}, "async-nats": {"bus", "devstack"}}
LINTS = re.compile(r"^\[lints\]\s*workspace\s*=\s*true", re.MULTILINE)
# Tools for a local run and for tests: no service may need them.
DEV_ONLY = {"contracts": set(), "devstack": {"cli", "e2e"}, "sandbox": {"cli", "e2e"}}


def breaches(packages, root):
    services = {p["name"] for p in packages if pathlib.Path(p["manifest_path"]).is_relative_to(root / "services")}
    for package in packages:
        name, manifest = package["name"], pathlib.Path(package["manifest_path"])
        shown = manifest.relative_to(root)
        for dependency in package["dependencies"]:
            needed, kind = dependency["name"], dependency["kind"]
            if needed in services and name not in MAY_USE_SERVICES:
                yield f"{shown}: {name} depends on the service {needed}; what both need belongs in a crate of crates/"
            if needed in PURE.get(name, ()):
                yield f"{shown}: {name} is pure and may not name {needed}"
            if name not in NAMED_ONLY_IN.get(needed, {name}):
                yield f"{shown}: only {', '.join(sorted(NAMED_ONLY_IN[needed]))} may name {needed}"
            if kind != "dev" and needed in DEV_ONLY and name not in DEV_ONLY[needed]:
                yield f"{shown}: {needed} is for local runs and tests; make it a dev-dependency"
        if not LINTS.search(manifest.read_text()):
            yield f"{shown}: add `[lints] workspace = true`"


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = sorted(set(breaches(metadata["packages"], pathlib.Path(metadata["workspace_root"]))))
    for breach in found:
        print(breach, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
