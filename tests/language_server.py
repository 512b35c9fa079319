"""A client of yaml-language-server over standard input and output: what an editor sees of a spec and our schema."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

VERSION = "1.25.0"


class LanguageServer:
    """A running server that holds every document against one schema file. Use it in a `with` block."""

    def __init__(self, folder: Path, schema: Path) -> None:
        self._folder = folder
        script = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
        self._process = subprocess.Popen(
            ["node", script, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._number = 0
        self._documents = 0
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): "*.yaml"},
                "schemaStore": {"enable": False},
                "validate": True,
                "hover": True,
                "completion": True,
                "format": {"enable": False},
            }
        }

    def __enter__(self) -> LanguageServer:
        markup = {"contentFormat": ["markdown"]}
        item = {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}}
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": None,
                "capabilities": {
                    "textDocument": {"hover": markup, "completion": item},
                    "workspace": {"configuration": True},
                },
            },
        )
        self._send({"method": "initialized", "params": {}})
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": self._settings}})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def problems(self, text: str) -> list[tuple[int, str]]:
        """Line (from 1) and message of all that the server says of a document, in order."""
        uri = self._open(text)
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                found = message["params"]["diagnostics"]
                return sorted((each["range"]["start"]["line"] + 1, each["message"]) for each in found)

    def offers(self, text: str) -> dict[str, Mapping[str, Any]]:
        """What is offered where `|` stands in the text, by label."""
        uri, place = self._at(text)
        answer = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
        return {item["label"]: item for item in answer["items"]}

    def hover(self, text: str) -> str:
        """What is shown over the place where `|` stands in the text."""
        uri, place = self._at(text)
        answer = self._ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": place})
        contents: Any = answer and answer["contents"]
        return contents["value"] if contents else ""

    def _at(self, text: str) -> tuple[str, dict[str, int]]:
        before, _, after = text.partition("|")
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self._open(before + after), place

    def _open(self, text: str) -> str:
        self._documents += 1
        uri = (self._folder / f"{self._documents}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _next(self) -> dict[str, Any]:
        """The next message of the server; its own questions are answered on the way."""
        assert self._process.stdout is not None
        size = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(size))
        if "id" in message and "method" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: Mapping[str, Any]) -> Sequence[Any] | None:
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings.get(item.get("section", ""), {}) for item in message["params"]["items"]]

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()
