"""Removes what local runs left in a state folder, other than what was fetched: `clean.py <state folder>`.

Takes the folder outside of it along that PostgreSQL may have had to use (crates/devstack/src/postgres.rs says when).
Refuses while a hub or a test runs there, and any folder that isn't named like one.
"""

import fcntl
import pathlib
import shutil
import sys


def main(state):
    if state.resolve().name != ".fanfare":
        return f"clean: {state} is not a state folder; they are called .fanfare"
    folders = [folder for folder in (state, *(state / "ephemeral").glob("*")) if (folder / "lock").exists()]
    locks = [(folder / "lock").open() for folder in folders]
    for lock in locks:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return f"clean: process {lock.read()} is using {lock.name}; stop it first"
    for note in (folder / "outside" for folder in folders):
        outside = pathlib.Path(note.read_text()) if note.exists() else None
        if outside and outside.name.startswith("fanfare-") and outside.is_dir():
            shutil.rmtree(outside)
    for entry in state.iterdir() if state.is_dir() else ():
        if entry.name == "tools":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return None


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
