"""A sandbox that knows whatever account a recorded request comes from."""

import base64
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

START_SECONDS = 60
# A throw-away key of the adapters' own tests: SendGrid's section wants one to sign events with, and none are posted here.
KEY = pathlib.Path(__file__).parents[2] / "crates/providers/src/smtp/fixtures/key.pem"
CALM = {"refuse": 0, "throttle": 0, "fail": 0}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(process, port):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{process.args[0]} did not start")


def account_of(call):
    """The section of the sandbox's configuration for whoever makes this call; None if it plays no such account."""
    headers = dict(call["headers"])
    scheme, _, token = headers.get("authorization", "").partition(" ")
    name = call["file"].split("/")[0]
    part = call["target"].split("?")[0].split("/")
    if name == "twilio" and scheme == "Basic":
        sid, _, secret = base64.b64decode(token).decode().partition(":")
        account = {"twilio": {"account_sid": sid, "auth_token": secret}}
        # Of contents it tells only when it has some, and then it takes no others.
        return account | {"whatsapp": {"contents": []}} if "content" in call["file"] else account
    if name == "sendgrid":
        # In its sandbox mode SendGrid answers 200, by its pages; the file has no such answer.
        if b"sandbox_mode" in bytes.fromhex(call["body"]):
            return None
        return {"sendgrid": {"api_key": token, "private_key_pem": KEY.read_text()}}
    if name == "meta-whatsapp" and call["target"].split("?")[0].endswith("messages"):
        return {"meta": {"access_token": token, "app_secret": "secret", "phone_number_id": part[2]}}
    if name == "facebook-page" and len(part) == 4:
        return {"facebook": {"access_token": token, "page_id": part[2]}}
    if name == "instagram" and len(part) == 4:
        return {"instagram": {"access_token": token, "ig_user_id": part[2]}}
    if name == "x":
        return {"x": {"access_token": token, "user_id": "2244994945", "username": "lumen"}}
    if name == "linkedin":
        author = re.search(r"urn:li:(?:organization|person):[A-Za-z0-9_-]+", bytes.fromhex(call["body"]).decode(errors="replace"))
        return {"linkedin": {"access_token": token, "author": author[0], "name": "Lumen"}} if author else None
    return None


class Sandbox:
    def __init__(self, program, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        listen = ["--listen", f"127.0.0.1:{self.port}", "--smtp-listen", "127.0.0.1:0"]
        self.process = subprocess.Popen([program, "--state-dir", str(folder), *listen], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.known = None

    def __enter__(self):
        wait(self.process, self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def plays(self, call):
        return account_of(call) is not None

    def know(self, call):
        config = {**account_of(call), "behaviour": CALM}
        if config == self.known:
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("PUT", "/sandbox/config", json.dumps(config), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        if answer.status != 200:
            sys.exit(f"the sandbox refuses its configuration: {text}")
        self.known = config
