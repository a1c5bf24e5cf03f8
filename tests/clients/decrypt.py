"""Decrypts a Web Push message with http_ece: JSON with body, private_key and auth (base64) in, the text out."""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec


def main() -> None:
    given = {name: base64.b64decode(value) for name, value in json.load(sys.stdin).items()}
    key = ec.derive_private_key(int.from_bytes(given["private_key"], "big"), ec.SECP256R1())
    text = http_ece.decrypt(given["body"], private_key=key, auth_secret=given["auth"], version="aes128gcm")
    sys.stdout.write(text.decode())


if __name__ == "__main__":
    main()
