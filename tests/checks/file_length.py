"""Checks that no source file is over 500 lines: over that, a file is about more than one thing."""

import pathlib
import subprocess
import sys

LIMIT = 500
SUFFIXES = {".rs", ".proto", ".py", ".sh", ".sql", ".ts", ".tsx", ".svelte"}


def main():
    # What git doesn't know yet counts too, what it ignores doesn't.
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], check=True, capture_output=True, text=True
    ).stdout
    failed = False
    for path in map(pathlib.Path, filter(None, listed.split("\0"))):
        if path.suffix not in SUFFIXES or "gen" in path.parts or not path.is_file():
            continue
        lines = path.read_bytes().count(b"\n")
        if lines > LIMIT:
            print(f"{path}: {lines} lines, at most {LIMIT} are allowed", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
