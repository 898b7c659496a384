"""What is wrong with a file is noticed wherever it is, and nothing of it is imported."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import run

from exports.conftest import QUICK, Export, records, refused


def unsealed(lines: list[dict[str, Any]]) -> str:
    """A well-formed export without secrets of these lines and a good digest: what anyone could write."""
    kinds = [next(iter(line)) for line in lines[1:]]
    header = {
        "format": "sunshine-keys-export", "version": 1, "time": "now",
        "counts": {f"{kind}s": kinds.count(kind) for kind in ("app", "integration", "webhook", "key")},
    }  # fmt: skip
    content = "".join(json.dumps(line) + "\n" for line in [header, *lines[1:]])
    digest = hashlib.sha256(content.encode()).hexdigest()
    return content + json.dumps({"end": {"rows": len(kinds), "sha256": digest}}) + "\n"


Change = Callable[[list[str]], list[str]]


class TestDamage:
    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda lines: [], "is empty"),
            (lambda lines: lines[:1], "cut off"),
            (lambda lines: lines[:-1], "cut off"),
            (lambda lines: [*lines[:-1], lines[-1][:-5]], "cut off: line 9 has no end"),
            (lambda lines: [*lines[:-1], lines[-1].rstrip("\n")], "cut off"),
            (lambda lines: lines[:-2] + lines[-1:], "changed after it was made"),
            (lambda lines: [*lines, lines[-2]], "its counts are others"),
            (lambda lines: [line.replace("Sample app", "Sample APP") for line in lines], "changed after it was made"),
            (lambda lines: [re.sub('"time":"....', '"time":"1999', line) for line in lines], "changed after it was made"),
            (lambda lines: [lines[0], *lines[2:3], *lines[1:2], *lines[3:]], "line 2: App not found"),
            (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4: a row of that id came before"),
            (lambda lines: [line.replace('"version":1', '"version":2', 1) for line in lines], "use the newer program"),
            (lambda lines: ["{}\n", *lines], "is no export of this program"),
            (lambda lines: ["\x00\xff\n"], "is no export of this program"),
            (lambda lines: [lines[0], "nonsense\n", *lines[1:]], "line 2: that is no JSON"),
            (lambda lines: [lines[0], "[" * 5000 + "\n", *lines[1:]], "line 2: that is no JSON"),
            (lambda lines: [lines[0], "[]\n", *lines[1:]], "line 2: should be an object"),
            (lambda lines: [lines[0], '{"end": 1}\n'], "changed after it was made"),
            (lambda lines: [lines[0], "x" * (1 << 20) + "\n", *lines[1:]], "line 2 is longer than any"),
            (lambda lines: [lines[0].replace(f'"n":{QUICK}', '"n":1073741824'), *lines[1:]], "scrypt are refused"),
            (lambda lines: [lines[0].replace(f'"n":{QUICK}', '"n":0'), *lines[1:]], "scrypt are refused"),
            (lambda lines: [lines[0].replace('"p":1', '"p":"1"'), *lines[1:]], "line 1: "),
            (lambda lines: [lines[0].replace('"salt":"', '"salt":"*'), *lines[1:]], "salt should be base64"),
        ],
    )  # fmt: skip
    def test_is_noticed_and_nothing_imported(self, new: Path, export: Export, change: Change, why: str) -> None:
        lines = export.sealed.splitlines(keepends=True)
        assert (damaged := change(lines)) != lines
        assert why in refused(new, "".join(damaged))
        assert not new.exists()

    def test_a_secret_moved_to_another_row_does_not_open(self, new: Path, export: Export) -> None:
        lines = records(export.sealed)
        lines[6]["key"]["secret"], lines[7]["key"]["secret"] = lines[7]["key"]["secret"], lines[6]["key"]["secret"]
        moved = "".join(json.dumps(line) + "\n" for line in lines)
        assert "line 7: the sealed secret of app_" in refused(new, moved)
        for secret, why in (("x", "damaged|base64"), (5, "should be string"), ("AAAA" * 20, "is sealed under key")):
            lines[6]["key"]["secret"] = secret
            changed = "".join(json.dumps(line) + "\n" for line in lines)
            assert re.search(why, refused(new, changed))

    @pytest.mark.parametrize(
        ("line", "change", "why"),
        [
            (1, {"displayName": "x" * 101}, "displayName should NOT be longer than 100 characters"),
            (1, {"displayName": "a\0b"}, "U+0000"),
            (1, {"displayName": None}, "displayName should be string"),
            (1, {"id": "../x"}, "id should be 24 hex digits"),
            (1, {"id": 5}, "id should be 24 hex digits"),
            (1, {"metadata": {"x": "y" * 5000}}, "limited to 4096 bytes"),
            (1, {"settings": {"echoPostback": 1}}, "settings.echoPostback should be boolean"),
            (2, {"type": "fax"}, "should have a type"),
            (2, {"attributes": {"displayName": 5}}, "displayName should be string"),
            (2, {"appId": "0" * 24}, "App not found"),
            (2, {"type": "web"}, "Webhooks are available only for custom integrations"),
            (4, {"target": "ftp://x"}, "target should be an http or https URL"),
            (4, {"integrationId": "0" * 24}, "Integration not found"),
            (5, {"id": "key_" + "0" * 24}, "id should be a key's"),
            (5, {"scope": "app"}, "scope should be that of the id"),
            (7, {"integrationId": None}, "integrationId should be 24 hex digits"),
            (7, {"integrationId": "029c31f25a21b47effd7be91"}, "API keys are available only for custom integrations"),
        ],
    )
    def test_rows_that_the_api_would_refuse_are_refused(
        self, new: Path, export: Export, line: int, change: dict[str, Any], why: str
    ) -> None:
        lines = records(export.bare)[:-1]
        next(iter(lines[line].values())).update(change)
        output = str(new.with_name("secrets"))
        assert why in refused(new, unsealed(lines), "--new-secrets", output)
        assert not new.exists()

    def test_eleven_keys_in_a_file_are_refused(self, new: Path, export: Export) -> None:
        lines = records(export.bare)[:-1]
        key = lines[7]["key"]
        for count, expected in ((9, 0), (10, 1)):
            more = [{"key": key | {"id": f"int_{number:024x}"}} for number in range(count)]
            result = run(
                "import", "-", "--data", str(new.with_name(f"new{count}")), "--new-secrets", str(new.with_name(f"s{count}")),
                stdin=unsealed(lines + more),
            )  # fmt: skip
            assert result.returncode == expected, result.stderr
        assert "line 18: An integration is limited to 10 API keys" in result.stderr
