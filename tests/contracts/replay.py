"""Sends each recorded request to a mock made from the provider's own description, and says which were refused; then the same to the
sandbox through a proxy made from it, and says which of the sandbox's answers are not as described.

    python3 replay.py PRISM CONTRACTS WORK [SANDBOX]

WORK has the requests, a JSON object a line in calls-*.jsonl: file, method, target, headers, body (hexadecimal). One mock runs at a time.
"""

import collections
import http.client
import json
import pathlib
import subprocess
import sys

from stand_in import Sandbox, free_port, wait

# What says that the request is not as described; everything else is the mock's own invention.
REFUSALS = {401, 404, 405, 415, 422}
ANSWER_SECONDS = 30
SHOWN = 300
# Twilio's file calls paths without a host URIs, and so do its own examples.
NO_FAULTS = {("twilio/openapi.json", name) for name in ("uri", "first_page_uri", "next_page_uri", "previous_page_uri")}


def main():
    prism, contracts, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    by_file = collections.defaultdict(list)
    lines = {line for path in sorted(work.glob("calls-*.jsonl")) for line in path.read_text().splitlines()}
    for call in map(json.loads, sorted(lines)):
        by_file[call["file"]].append(call)
    if not by_file:
        print("no request was recorded", file=sys.stderr)
        return 1
    described = {file: prepared(contracts / file, work) for file in by_file}
    failed = 0
    for file, calls in sorted(by_file.items()):
        refused = replay([prism, "mock", "--errors"], described[file], [], calls)
        refused = [(call, answer) for call, answer in refused if is_refusal(answer)]
        print(f"{file}: {len(calls) - len(refused)} of {len(calls)} requests taken")
        failed += tell(refused)
    if len(sys.argv) > 4:
        failed += play(prism, sys.argv[4], described, by_file, work)
    return 1 if failed else 0


def play(prism, program, described, by_file, work):
    """The other direction: what the sandbox answers, judged by the proxy."""
    failed = 0
    with Sandbox(program, work / "sandbox") as sandbox:
        for file, calls in sorted(by_file.items()):
            calls = [call for call in calls if sandbox.plays(call)]
            if not calls:
                continue
            answers = replay([prism, "proxy", "--errors"], described[file], [sandbox.url], calls, before=sandbox.know)
            taken = [answer for _, answer in answers if answer.played < 300]
            wrong = [(call, answer) for call, answer in answers if answer.wrong(file)]
            print(f"{file}: the sandbox took {len(taken)} of {len(calls)} requests, {len(answers) - len(wrong)} answers are as described")
            failed += tell(wrong)
            if not taken:
                print("  it took none of them", file=sys.stderr)
                failed += 1
    return failed


def tell(faults):
    for call, answer in faults:
        print(f"  {answer.status} to {call['method']} {call['target']}\n    {answer.text[:SHOWN]}", file=sys.stderr)
    return len(faults)


def prepared(path, work):
    """A copy that Prism reads as OpenAPI means it: no parameter with a slash in it, and the usual form of lists said aloud."""
    described = json.loads(path.read_text())
    item = described["paths"].pop("/v1/{parent}/messages:send", None)
    if item:
        others = [p for p in item["post"]["parameters"] if p.get("name") != "parent"]
        project = {"name": "project", "in": "path", "required": True, "schema": {"type": "string"}}
        item["post"]["parameters"] = [*others, project]
        described["paths"]["/v1/projects/{project}/messages:send"] = item
    for operation in (o for item in described["paths"].values() for o in item.values() if isinstance(o, dict)):
        form = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded")
        if form:
            fields = form.get("schema", {}).get("properties", {})
            lists = [name for name, schema in fields.items() if schema.get("type") == "array"]
            form["encoding"] = {name: {"style": "form", "explode": True} for name in lists}
        for answer in operation.get("responses", {}).values():
            # Prism judges a problem document by the first media type that is JSON.
            if "application/problem+json" in answer.get("content", {}):
                answer["content"].pop("application/json", None)
    copy = work / path.relative_to(path.parent.parent).as_posix().replace("/", "-")
    copy.write_text(json.dumps(described))
    return copy


def replay(command, description, upstream, calls, before=None):
    port = free_port()
    command = [*command, "--host", "127.0.0.1", "--port", str(port), str(description), *upstream]
    mock = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answers = []
    try:
        wait(mock, port)
        for call in calls:
            if before:
                before(call)
            answers.append((call, ask(port, call)))
        return answers
    finally:
        mock.terminate()
        mock.wait()


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.text = status, text
        self.violations = json.loads(headers.get("sl-violations") or "[]")
        # The proxy answers 500 in the sandbox's place when that is wrong; then it took the request.
        self.played = 200 if self.violations and status == 500 else status

    def wrong(self, file):
        """Whether an answer that the file describes isn't as it says."""
        places = [fault["location"] for fault in self.violations if fault["severity"] == "Error"]
        return any(place[:1] == ["response"] and (file, place[-1]) not in NO_FAULTS for place in places)


def ask(port, call):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    connection.putrequest(call["method"], call["target"], skip_host=True, skip_accept_encoding=True)
    body = bytes.fromhex(call["body"])
    for name, value in call["headers"]:
        if name not in ("host", "content-length", "connection"):
            connection.putheader(name, value)
    connection.putheader("host", f"127.0.0.1:{port}")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return Answer(answer.status, answer.headers, text)


def is_refusal(answer):
    if answer.status in REFUSALS:
        return True
    if answer.status < 500:
        return False
    try:
        places = [fault["location"][0] for fault in json.loads(answer.text)["validation"]]
    except (ValueError, KeyError, IndexError, TypeError):
        return True
    # Prism's own example of an answer breaks the file: that says nothing about the request.
    return any(place != "response" for place in places)


if __name__ == "__main__":
    sys.exit(main())
