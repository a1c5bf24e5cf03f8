"""Verifies letters that the SMTP adapter signed with an implementation that isn't ours (dkimpy).

Usage: verify_dkim.py FOLDER, where FOLDER was filled by
    FANFARE_DKIM_OUT=FOLDER cargo test -p providers a_hundred_letters_verify
"""

import pathlib
import sys

import dkim


def main(folder: pathlib.Path) -> int:
    letters = sorted(folder.glob("*.eml"))
    if len(letters) < 100:
        print(f"{folder} has {len(letters)} letters, and should have 100")
        return 1
    bad = []
    for letter in letters:
        record = (folder / f"{letter.name.split('-')[0]}.txt").read_bytes()

        def dns(name, timeout=5, record=record):
            return record if name.rstrip(b".") == b"s1._domainkey.mail.example.com" else None

        if not dkim.verify(letter.read_bytes(), dnsfunc=dns, minkey=1024):
            bad.append(letter.name)
    print(f"{len(letters) - len(bad)} of {len(letters)} letters verify" + (f"; not: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
