"""The rules in deploy/scanning, as gitleaks and detect-secrets run them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.wire import Key

from sunshine_keys.access.scopes import Scope
from sunshine_keys.access.tokens import mint
from sunshine_keys.ids import new_object_id
from sunshine_keys.keys.model import TOKEN_PREFIX, new_key_id
from sunshine_keys.keys.secrets import is_our_secret, new_secret

ROOT = Path(__file__).parents[2]
SCANNERS = ROOT / ".venv/scanners/bin"
RULES = ROOT / "deploy/scanning"


def gitleaks(file: Path) -> dict[int, set[str]]:
    """Return the rules of gitleaks.toml that match, by line."""
    command = [SCANNERS / "gitleaks", "dir", "--config", RULES / "gitleaks.toml", "--no-banner", "--log-level", "error"]
    report = file.with_suffix(".json")
    result = subprocess.run(
        [*command, "--report-format", "json", "--report-path", report, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in (0, 1), result.stderr
    matches: dict[int, set[str]] = {}
    for match in json.loads(report.read_text()):
        if match["RuleID"].startswith("sunshine-keys-"):
            matches.setdefault(match["StartLine"], set()).add(match["RuleID"].removeprefix("sunshine-keys-"))
    return matches


def detect_secrets(file: Path) -> dict[int, int]:
    """Return the number of secrets that the plugin finds, by line."""
    command = [SCANNERS / "detect-secrets", "scan", "--plugin", RULES / "detect_secrets_plugin.py", file.name]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=file.parent)
    secrets = json.loads(result.stdout)["results"].get(file.name, [])
    return Counter(secret["line_number"] for secret in secrets if secret["type"] == "Sunshine Keys Secret")


SECRETS: list[tuple[str, Callable[[Key], str]]] = [
    ("secret", lambda key: f"SECRET={key.secret}"),
    ("secret", lambda key: f"secret: '{key.secret}'"),
    ("secret", lambda key: json.dumps({"id": key.id, "secret": key.secret})),
    ("secret", lambda key: f"curl --user {key.id}:{key.secret} http://127.0.0.1:8080/v2/apps"),
    ("secret", lambda key: key.secret),
    ("secret", lambda key: f'auth = ("{key.id}", "{key.secret}")'),
    ("basic-credentials", lambda key: f"Authorization: {key.basic()}"),
    ("basic-credentials", lambda key: f"TOKEN={key.basic().split()[1].rstrip('=')}"),
    ("access-token", lambda key: f"Authorization: Bearer {TOKEN_PREFIX}{new_object_id()}.{key.secret}"),
]


@pytest.mark.parametrize("scope", list(Scope))
def test_secrets_are_found(tmp_path: Path, scope: Scope) -> None:
    file = tmp_path / "leaks"
    lines = [write(Key(new_key_id(scope), new_secret())) for _, write in SECRETS]
    file.write_text("".join(f"{line}\n" for line in lines))
    matches = gitleaks(file)
    assert sorted(matches) == list(range(1, len(SECRETS) + 1))
    for number, (rule, _) in enumerate(SECRETS, 1):
        assert rule in matches[number]
    assert detect_secrets(file) == dict.fromkeys(range(1, len(SECRETS) + 1), 1)


def test_secret_that_touches_other_letters_is_found_by_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "leaks"
    file.write_text(f"-{new_secret()}\nx = 'a\\n{new_secret()}'\n{new_key_id(Scope.APP)}-{new_secret()}\n")
    assert detect_secrets(file) == {1: 1, 2: 1, 3: 1}


def test_other_texts_are_left_alone(tmp_path: Path) -> None:
    digest = hashlib.sha512(b"").digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    key = Key(new_key_id(Scope.INTEGRATION), new_secret())
    others = [
        "A" * 86,
        "_" * 85 + "w",
        digest.hex(),
        digest.hex()[:85] + "A",
        f'integrity="sha512-{base64.b64encode(digest).decode()}"',
        f"eyJhbGciOiJIUzUxMiJ9.eyJhIjoxfQ.{signature}",
        base64.urlsafe_b64encode(os.urandom(90)).decode(),
        key.id,
        mint(key.id, key.secret, Scope.INTEGRATION),
        key.secret[:-1],
        base64.b64encode(f"{key.id}:short".encode()).decode(),
    ]
    file = tmp_path / "others"
    file.write_text("".join(f"{line}\n" for line in others))
    assert gitleaks(file) == {}
    assert detect_secrets(file) == {}


def test_plugin_decides_by_the_checksum_and_gitleaks_cannot(tmp_path: Path) -> None:
    secret = new_secret()
    mistyped = secret[:20] + ("B" if secret[20] == "A" else "A") + secret[21:]
    assert not is_our_secret(mistyped)
    file = tmp_path / "leaks"
    file.write_text(f"SECRET={mistyped}\n")
    assert detect_secrets(file) == {}
    assert gitleaks(file) == {1: {"secret"}}
