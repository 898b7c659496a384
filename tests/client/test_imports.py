"""Import paths, and what an import loads."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from api_facts import load, snake

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio, api, model, models, transport, webhooks

OVERLAY = load().overlay
EARLIER = OVERLAY["earlier"] | {f"{name}AllOf": name for name in OVERLAY["all_of"]}
PACKAGES = [sunshine, models, model, api, aio, aio.api, transport, webhooks]


def fresh(program: str) -> str:
    """Run a program in a new interpreter and return what it prints."""
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_sorted_and_every_name_exists(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert names
    assert names == sorted(names)
    for name in names:
        assert getattr(package, name).__name__ in (name, EARLIER.get(name))
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", models.__all__)
@pytest.mark.parametrize("folder", ["model", "models"])
def test_every_model_has_a_module_in_both_packages(name: str, folder: str) -> None:
    imported = importlib.import_module(f"sunshine_conversations_client.{folder}.{snake(name)}")
    assert getattr(imported, name) is getattr(sunshine, name)


@pytest.mark.parametrize(
    "path",
    ["api.custom_integration_api_keys_api.CustomIntegrationApiKeysApi", "api.o_auth_endpoints_api.OAuthEndpointsApi",
     "api.AppsApi", "model.integration_api_key.IntegrationApiKey", "models.integration_api_key.IntegrationApiKey",
     "rest.ApiException", "rest.ApiValueError", "rest.RESTResponse", "rest.RESTClientObject", "exceptions.NotFoundException",
     "api_client.ApiClient", "api_response.ApiResponse", "configuration.Configuration", "exceptions.render_path",
     "transport.Transport", "transport.Response", "aio.ApiClient", "aio.Transport", "aio.api.AppsApi", "aio.transport.Timeout",
     "webhooks.parse", "webhooks.WebhookVerificationError", "exceptions.WebhookDecodeError"],
)  # fmt: skip
def test_a_bare_import_reaches_every_path(path: str) -> None:
    module, _, name = path.rpartition(".")
    fresh(f"import sunshine_conversations_client as s; s.{path}")
    fresh(f"from sunshine_conversations_client.{module} import {name}")


def test_a_star_import_brings_models_and_configuration() -> None:
    assert fresh(
        "from sunshine_conversations_client import *; print(IntegrationApiKey.__name__, Configuration.__name__)"
    )


def test_a_bare_import_loads_no_other_module() -> None:
    loaded = fresh("import sys; import sunshine_conversations_client; print(' '.join(sys.modules))").split()
    assert not {"urllib3", "http.client", "ssl", "json", "typing", "logging"} & set(loaded)
    own = [name for name in loaded if name.startswith("sunshine_conversations_client")]
    assert own == ["sunshine_conversations_client"]


def test_models_load_no_http_library() -> None:
    loaded = fresh(
        "import sys; from sunshine_conversations_client import IntegrationApiKey; print(' '.join(sys.modules))"
    )
    assert "urllib3" not in loaded


def test_the_client_does_not_import_the_service() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['sunshine_keys', 'msgspec', 'uvicorn', 'cryptography']))"
    fresh(f"{blocked}; from sunshine_conversations_client import *; ApiClient(Configuration()).rest_client")


def test_the_asynchronous_client_names_the_extra_to_install() -> None:
    message = fresh(
        "import sys; sys.modules['aiohttp'] = None\n"
        "from sunshine_conversations_client import ApiArgumentError, aio\n"
        "try: aio.ApiClient().transport\n"
        "except ApiArgumentError as error: print(error)"
    )
    assert "the extra `async`" in message
