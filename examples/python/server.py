#!/usr/bin/env python3
"""A whole MCP server in plain Python 3, without packages: 2025-11-25 over standard input and output.

Host it:

    npx vitrine run path:examples/python --entry server.py

It needs the python3 of the system, which is visible in the sandbox. The folder is measured, Python itself is not.
"""

import json
import statistics
import sys

TOOLS = [
    {
        "name": "describe",
        "description": "Mean and median of some numbers",
        "inputSchema": {
            "type": "object",
            "properties": {"numbers": {"type": "array", "items": {"type": "number"}, "minItems": 1}},
            "required": ["numbers"],
        },
    }
]


class MethodNotFound(Exception):
    """The client asked for something that this server does not have."""


def describe(numbers):
    return "mean %g, median %g" % (statistics.mean(numbers), statistics.median(numbers))


def call(params):
    try:
        text, failed = describe(params["arguments"]["numbers"]), False
    except (KeyError, TypeError, statistics.StatisticsError) as error:
        text, failed = "these are no numbers: %s" % error, True
    return {"content": [{"type": "text", "text": text}], "isError": failed}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "python-example", "version": "1.0.0"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return call(params)
    if method == "ping":
        return {}
    raise MethodNotFound(method)


def main():
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = answer(message["method"], message.get("params", {}))
        except MethodNotFound as error:
            reply["error"] = {"code": -32601, "message": "Method not found: %s" % error}
        print(json.dumps(reply), flush=True)


main()
