"""The examples, and programs with exactly the imports of the published samples."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.wire import Key, Wire, first_run

from sunshine_keys import server
from sunshine_keys.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
KEYS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations/029c31f25a21b47effd7be90/keys"


class Sample:
    def __init__(self, url: str, initial: dict[str, dict[str, str]]) -> None:
        self.wire, self.app_key, self.key = Wire(url), Key.of(initial["app_key"]), Key.of(initial["key"])

    def run(self, name: str, *, jwt: bool, **names: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | names | {"SUNSHINE_CONVERSATIONS_HOST": self.wire.url}
        environment |= {"KEY_ID": self.app_key.id, "SECRET": self.app_key.secret if not jwt else "unused"}
        if jwt:
            environment["TOKEN"] = self.app_key.bearer().removeprefix("Bearer ")
        return subprocess.run(
            [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
            env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    initial = first_run(tmp_path, sample=True)
    with server.running(Settings(tmp_path)) as url:
        yield Sample(url, initial)


@pytest.mark.parametrize("jwt", [False, True], ids=["basic", "jwt"])
def test_the_examples_create_list_fetch_and_delete_a_key(sample: Sample, jwt: bool) -> None:
    created = sample.run("create_key", jwt=jwt, NAME="Mine")
    assert created.returncode == 0, created.stderr
    assert "display_name='Mine', secret='**********'" in created.stdout
    key = sample.wire.get(KEYS, sample.app_key).json["keys"][-1]
    assert key["displayName"] == "Mine"

    listed = sample.run("list_keys", jwt=jwt)
    assert key["id"] in listed.stdout
    assert sample.key.id in listed.stdout
    assert key["id"] in sample.run("get_key", jwt=jwt, KEY=key["id"]).stdout
    assert sample.key.id in sample.run("get_key", jwt=jwt).stdout
    deleted = sample.run("delete_key", jwt=jwt, KEY=key["id"])
    assert (deleted.returncode, deleted.stdout.strip()) == (0, "{}")
    assert "(404)" in sample.run("get_key", jwt=jwt, KEY=key["id"]).stderr
    for result in (created, listed, deleted):
        assert key["secret"] not in result.stdout + result.stderr


def test_an_empty_model_is_answered_with_the_missing_property(sample: Sample) -> None:
    refused = sample.run("create_key", jwt=False)
    assert refused.returncode == 1
    assert "should have required property 'displayName'" in refused.stderr


def test_the_examples_page_lists_every_program() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    programs = [path.name for path in EXAMPLES.rglob("*.py")]
    assert programs
    assert all(f"`{name}`" in listed for name in programs)


PUBLISHED_SHAPE = """
import sunshine_conversations_client
{imports}
from sunshine_conversations_client.rest import ApiException
from pprint import pprint

configuration = sunshine_conversations_client.Configuration(
    username = {key_id!r},
    password = {secret!r}
)
configuration = sunshine_conversations_client.Configuration(
    access_token = {token!r}
)
with sunshine_conversations_client.ApiClient(configuration) as api_client:
    api_instance = sunshine_conversations_client.CustomIntegrationApiKeysApi(api_client)
    app_id = '5d8cff3cd55b040010928b5b'
    integration_id = '029c31f25a21b47effd7be90'
    {arguments}
    try:
        api_response = api_instance.{call}
        pprint(api_response)
    except Exception as e:
        print("Exception when calling it: %s" % e)
"""
KEY_ARGUMENT = "key_id = 'int_5d8cff3cd55b040010928b5b'"


@pytest.mark.parametrize(
    ("imports", "arguments", "call", "printed"),
    [
        (
            (
                "from sunshine_conversations_client.models.integration_api_key import IntegrationApiKey\n"
                "from sunshine_conversations_client.models.integration_api_key_response import IntegrationApiKeyResponse"
            ),
            "integration_api_key = sunshine_conversations_client.IntegrationApiKey()",
            "create_custom_integration_key(app_id, integration_id, integration_api_key)",
            "should have required property 'displayName'",
        ),
        (
            "from sunshine_conversations_client.models.integration_api_key_list_response import IntegrationApiKeyListResponse",
            "", "list_custom_integration_keys(app_id, integration_id)", "IntegrationApiKeyListResponse(keys=[ApiKey(id='int_5d",
        ),
        (
            "from sunshine_conversations_client.models.integration_api_key_response import IntegrationApiKeyResponse",
            KEY_ARGUMENT, "get_custom_integration_key(app_id, integration_id, key_id)", "IntegrationApiKeyResponse(key=ApiKey(",
        ),
        ("", KEY_ARGUMENT, "delete_custom_integration_key(app_id, integration_id, key_id)", "{}"),
    ],
    ids=["create", "list", "get", "delete"],
)  # fmt: skip
def test_programs_like_the_published_samples_run(
    sample: Sample, imports: str, arguments: str, call: str, printed: str
) -> None:
    program = PUBLISHED_SHAPE.format(
        imports=imports, arguments=arguments, call=call, key_id=sample.app_key.id, secret=sample.app_key.secret,
        token=sample.app_key.bearer().removeprefix("Bearer "),
    )  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"SUNSHINE_CONVERSATIONS_HOST": sample.wire.url},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert printed in result.stdout
    assert result.stderr == ""
