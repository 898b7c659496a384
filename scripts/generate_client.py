"""Writes the client's facades and import paths from the tables below: `make format` runs it, `make check` checks it.

    python scripts/generate_client.py          write what has changed
    python scripts/generate_client.py --check  exit 1 where something would

Everything of substance (models, flow, transport) is written by hand; what is made here repeats one pattern for each
operation and one line for each name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "sunshine_conversations_client"
NAME = "sunshine_conversations_client"
HEADER = "# Written by scripts/generate_client.py; change that, not this."

MODELS = {
    "_apps": "App AppCreateBody AppListFilter AppListResponse AppResponse AppSettings AppUpdateBody",
    "_errors": "Error ErrorResponse",
    "_integrations": (
        "Android AndroidUpdate Apple AppleUpdate Custom CustomUpdate DefaultResponderDefaultResponder Instagram"
        " InstagramUpdate Integration IntegrationListFilter IntegrationListResponse IntegrationResponse"
        " IntegrationUpdate IntegrationUpdateBase Ios IosUpdate Line LineUpdate Mailgun MailgunUpdate"
        " MessageBirdUpdate Messagebird Messenger MessengerUpdate ModelField PrechatCapture Telegram TelegramUpdate"
        " Twilio TwilioUpdate Twitter TwitterUpdate Unity UnityUpdate Viber ViberUpdate Web WebUpdate WhatsAppUpdate"
        " Whatsapp"
    ),
    "_keys": (
        "ApiKey AppKey AppKeyCreateBody AppKeyListResponse AppKeyResponse IntegrationApiKey"
        " IntegrationApiKeyListResponse IntegrationApiKeyResponse"
    ),
    "_paging": "Links Meta Page",
    "_status": "Status",
    "_webhooks": "Webhook WebhookBody WebhookCreateBody WebhookListResponse WebhookResponse",
}

OTHER_NAMES = {
    "api_client": "ApiClient",
    "api_response": "ApiResponse",
    "configuration": "Configuration",
    "exceptions": (
        "ApiArgumentError ApiAttributeError ApiConnectionError ApiDecodeError ApiException ApiKeyError ApiTimeoutError"
        " ApiTypeError ApiValueError BadRequestException ConflictException ForbiddenException NotFoundException"
        " OpenApiException RateLimitedException ServiceException UnauthorizedException UnprocessableEntityException"
    ),
    "_version": "__version__",
}
SUBMODULES = "aio api api_client api_response configuration exceptions model models rest"


@dataclass(frozen=True)
class Method:
    name: str
    http: str
    path: str
    answer: str  # a model, or "object"
    summary: str
    errors: str
    body: str = ""  # the model of the body; its argument is its name in snake case
    also: str = ""  # other models the body may be
    query: str = ""  # "name:Model" pairs, optional arguments that become name[property] in the query

    @property
    def ids(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def template(self) -> str:
        """The path with the names that the arguments have."""
        return re.sub(r"{(\w+)}", lambda match: f"{{{snake(match[1])}}}", self.path)

    @property
    def body_argument(self) -> str:
        return snake(self.body)


_AUTH = "UnauthorizedException, ForbiddenException"
_APP = f"BadRequestException, {_AUTH}, NotFoundException"
_GONE = f"{_AUTH}, NotFoundException"
_INTEGRATION_PATH = "/v2/apps/{appId}/integrations/{integrationId}"

API: dict[str, tuple[str, list[Method]]] = {
    "AppKeysApi": (
        "Keys of apps (`app_…`), which may do everything in their app but account provisioning. An app has at most ten.",
        [
            Method("create_app_key", "POST", "/v2/apps/{appId}/keys", "AppKeyResponse",
                   "Create a key for an app; the answer holds its id and secret.", _APP, body="AppKeyCreateBody"),
            Method("delete_app_key", "DELETE", "/v2/apps/{appId}/keys/{keyId}", "object",
                   "Delete an app's key: from then on it authenticates nothing, nor does any token it signed.", _GONE),
            Method("get_app_key", "GET", "/v2/apps/{appId}/keys/{keyId}", "AppKeyResponse",
                   "Fetch an app's key with its secret.", _GONE),
            Method("list_app_keys", "GET", "/v2/apps/{appId}/keys", "AppKeyListResponse",
                   "List an app's keys with their secrets.", _GONE),
        ],
    ),
    "AppsApi": (
        "Apps, which hold integrations.",
        [
            Method("create_app", "POST", "/v2/apps", "AppResponse", "Create an app.",
                   f"BadRequestException, {_AUTH}", body="AppCreateBody"),
            Method("delete_app", "DELETE", "/v2/apps/{appId}", "object",
                   "Delete an app with its integrations and all their keys.", _GONE),
            Method("get_app", "GET", "/v2/apps/{appId}", "AppResponse", "Fetch an app.", _GONE),
            Method("list_apps", "GET", "/v2/apps", "AppListResponse", "List apps, a page at a time.",
                   f"BadRequestException, {_AUTH}", query="page:Page filter:AppListFilter"),
            Method("update_app", "PATCH", "/v2/apps/{appId}", "AppResponse", "Change what the body names of an app.",
                   _APP, body="AppUpdateBody"),
        ],
    ),
    "CustomIntegrationApiKeysApi": (
        "Keys of custom integrations (`int_…`). An integration has at most ten, and only one of type `custom` has any.",
        [
            Method("create_custom_integration_key", "POST", f"{_INTEGRATION_PATH}/keys", "IntegrationApiKeyResponse",
                   "Create a key for a custom integration; the answer holds its id and secret.", _APP,
                   body="IntegrationApiKey"),
            Method("delete_custom_integration_key", "DELETE", f"{_INTEGRATION_PATH}/keys/{{keyId}}", "object",
                   "Delete an integration's key: from then on it authenticates nothing, nor does any token it signed.",
                   _APP),
            Method("get_custom_integration_key", "GET", f"{_INTEGRATION_PATH}/keys/{{keyId}}",
                   "IntegrationApiKeyResponse", "Fetch an integration's key with its secret.", _APP),
            Method("list_custom_integration_keys", "GET", f"{_INTEGRATION_PATH}/keys",
                   "IntegrationApiKeyListResponse", "List an integration's keys with their secrets.", _APP),
        ],
    ),
    "IntegrationsApi": (
        "Integrations of an app: its channels, and the custom integrations that have keys.",
        [
            Method("create_integration", "POST", "/v2/apps/{appId}/integrations", "IntegrationResponse",
                   "Create an integration, for instance a `Custom` one with its webhook.", _APP, body="Integration"),
            Method("delete_integration", "DELETE", _INTEGRATION_PATH, "object",
                   "Delete an integration with its keys and webhooks.", _APP),
            Method("get_integration", "GET", _INTEGRATION_PATH, "IntegrationResponse", "Fetch an integration.", _GONE),
            Method("list_integrations", "GET", "/v2/apps/{appId}/integrations", "IntegrationListResponse",
                   "List an app's integrations, a page at a time.", _APP,
                   query="page:Page filter:IntegrationListFilter"),
            Method("update_integration", "PATCH", _INTEGRATION_PATH, "IntegrationResponse",
                   "Change what the body names of an integration.", _APP, body="IntegrationUpdate",
                   also="IntegrationUpdateBase"),
        ],
    ),
    "OAuthEndpointsApi": (
        "What the credentials themselves belong to.",
        [
            Method("get_token_info", "GET", "/v2/tokenInfo", "AppResponse", "Fetch the app the credentials belong to.",
                   _AUTH),
        ],
    ),
    "WebhooksApi": (
        "Webhooks of custom integrations. An integration's own key may use those of its integration.",
        [
            Method("create_webhook", "POST", f"{_INTEGRATION_PATH}/webhooks", "WebhookResponse", "Create a webhook.",
                   _APP, body="WebhookCreateBody"),
            Method("delete_webhook", "DELETE", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "object",
                   "Delete a webhook.", _APP),
            Method("get_webhook", "GET", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "WebhookResponse",
                   "Fetch a webhook with its secret.", _APP),
            Method("list_webhooks", "GET", f"{_INTEGRATION_PATH}/webhooks", "WebhookListResponse",
                   "List an integration's webhooks with their secrets.", _APP),
            Method("update_webhook", "PATCH", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "WebhookResponse",
                   "Change what the body names of a webhook.", _APP, body="WebhookBody"),
        ],
    ),
}  # fmt: skip

OPTIONS = """\
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
"""
LEGACY = "        **legacy: Unpack[LegacyOptions],\n"
PASSED = "_request_timeout, _request_auth, _content_type, _headers, _host_index"


def snake(name: str) -> str:
    """As the official package names its modules: OAuthEndpointsApi is o_auth_endpoints_api."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def home_of(model: str) -> str:
    return next(module for module, names in MODELS.items() if model in names.split())


def facade(api: str, doc: str, methods: list[Method], *, asynchronous: bool = False) -> str:
    runtime: dict[str, set[str]] = {}
    iterates = any("page:" in method.query for method in methods)
    for method in methods:
        for model in [method.answer, method.body, *method.also.split()]:
            if model and model != "object":
                runtime.setdefault(home_of(model), set()).add(model)
        if "page:" in method.query:
            item = {"list_apps": "App", "list_integrations": "Integration"}[method.name]
            runtime.setdefault(home_of(item), set()).add(item)
        for pair in method.query.split():
            model = pair.partition(":")[2]
            runtime.setdefault(home_of(model), set()).add(model)
    lines = [f'"""{doc}"""', "", HEADER, "", "from __future__ import annotations", ""]
    lines += [
        *([] if asynchronous else [f"from {NAME} import _legacy"]),
        f"from {NAME}._operations import UNSET, Call, Operation{', page_after' if iterates else ''}",
        f"from {NAME}{'.aio' if asynchronous else ''}.api_client import ApiClient",
        *(f"from {NAME}.models.{module} import {', '.join(sorted(names))}" for module, names in sorted(runtime.items())),
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:",
        *(
            [f"    from collections.abc import {'AsyncIterator' if asynchronous else 'Iterator'}"]
            if iterates
            else []
        ),
        f"    from typing import Any{'' if asynchronous else ', Unpack'}",
        "",
        *([] if asynchronous else [f"    from {NAME}._legacy import LegacyOptions"]),
        f"    from {NAME}._operations import RequestTimeout",
        f"    from {NAME}.api_response import ApiResponse",
        "",
    ]  # fmt: skip
    for method in methods:
        accepts = ", ".join([method.body, *method.also.split()]) if method.body else ""
        answer = "None" if method.answer == "object" else method.answer
        accepted = f", ({accepts},)" if accepts else ""
        lines.append(f'_{method.name.upper()} = Operation("{method.http}", "{method.template}", {answer}{accepted})')
    lines += ["", "", f"class {api}:", f'    """{doc}"""', ""]
    lines += (
        ["    def __init__(self, api_client: ApiClient) -> None:", "        self.api_client = api_client", ""]
        if asynchronous
        else [
            "    def __init__(self, api_client: ApiClient | None = None) -> None:",
            "        self.api_client = ApiClient.get_default() if api_client is None else api_client",
            "",
        ]
    )
    for method in methods:
        lines += variants(method, asynchronous=asynchronous)
    return "\n".join(lines)


def variants(method: Method, *, asynchronous: bool) -> list[str]:
    kind, wait, library = ("async def", "await ", "aiohttp") if asynchronous else ("def", "", "urllib3")
    ids = "".join(f"        {snake(each)}: str,\n" for each in method.ids)
    body = ""
    if method.body:
        kinds = " | ".join([method.body, *method.also.split(), "dict[str, Any]"])
        body = f"        {method.body_argument}: {kinds},\n"
    query = [pair.partition(":")[::2] for pair in method.query.split()]
    parameters = (
        ids + body + "".join(f"        {name}: {model} | dict[str, Any] | None = None,\n" for name, model in query)
    )
    call = (
        f"Call(_{method.name.upper()}, {{{', '.join(f'{snake(each)!r}: {snake(each)}' for each in method.ids)}}},"
        f" {{{', '.join(f'{name!r}: ({model}, {name})' for name, model in query)}}}, {method.body_argument or None}, {PASSED})"
    )

    def head(suffix: str, returns: str) -> str:
        options = OPTIONS if asynchronous or suffix == "_without_preload_content" else OPTIONS + LEGACY
        return f"    {kind} {method.name}{suffix}(\n        self,\n{parameters}{options}    ) -> {returns}:"

    def run(returns: str, *, info: bool) -> list[str]:
        plain = f"{wait}self.api_client.execute(call)" if info else f"({wait}self.api_client.execute(call)).data"
        either = f"_legacy.run(self.api_client, call, legacy, info={info}) if legacy else {plain}"
        return [
            f"        call = {call}",
            f"        answer: {returns} = {plain if asynchronous else either}",
            "        return answer",
            "",
        ]

    info = f"ApiResponse[{method.answer}]"
    return [
        head("", method.answer),
        f'        """{method.summary}',
        "",
        f"        Raises {method.errors}; ApiArgumentError before anything is sent;",
        "        ApiConnectionError where no answer came.",
        '        """',
        *run(method.answer, info=False),
        head("_with_http_info", info),
        f'        """As `{method.name}`, with the status, the headers and the raw data of the answer."""',
        *run(info, info=True),
        head("_without_preload_content", "Any"),
        f'        """As `{method.name}`, but returns {library}\'s response unread, whatever its status."""',
        f"        return {wait}self.api_client.open({call})",
        "",
        *(iteration(method, ids, query[1][1], asynchronous=asynchronous) if "page:" in method.query else []),
    ]


def iteration(method: Method, ids: str, filters: str, *, asynchronous: bool) -> list[str]:
    """The helper that walks all pages of a list."""
    items = method.name.removeprefix("list_")
    item = {"apps": "App", "integrations": "Integration"}[items]
    kind, wait, iterator = ("async def", "await ", "AsyncIterator") if asynchronous else ("def", "", "Iterator")
    names = [snake(each) for each in method.ids]
    return [
        f"    {kind} iterate_{items}(\n        self,\n{ids}        filter: {filters} | dict[str, Any] | None = None,",
        f"        size: int = 100,\n{OPTIONS}    ) -> {iterator}[{item}]:",
        f'        """All {items.replace("_", " ")} that `filter` lets through, fetched page by page of `size` as they are asked for.',
        "",
        f"        Raises what `{method.name}` does.",
        '        """',
        "        page: Page | None = Page(size=size)",
        "        while page is not None:",
        f"            answer = {wait}self.{method.name}({', '.join([*names, 'page', 'filter'])}, {PASSED})",
        *(
            [f"            for each in answer.{items} or ():", "                yield each"]
            if asynchronous
            else [f"            yield from answer.{items} or ()"]
        ),
        f"            page = page_after(answer, answer.{items}, page)",
        "",
    ]


def face(doc: str, homes: dict[str, str], submodules: str = "", package: str = NAME) -> str:
    """A package's `__init__`: every name there, none imported before it is used."""
    names = sorted(homes)
    lines = [
        f'"""{doc}"""',
        "",
        HEADER,
        "",
        "from __future__ import annotations",
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:",
    ]
    lines += [f"    from {NAME}.{homes[name]} import {name} as {name}" for name in names]
    lines += [f"    from {package} import {name} as {name}" for name in submodules.split()]
    lines += ["", "_HOMES = {"]
    lines += [f"    {name!r}: {homes[name]!r}," for name in names]
    lines += ["}", f"_SUBMODULES = frozenset({submodules.split()!r})" if submodules else "", ""]
    lines += ["__all__ = [", *(f"    {name!r}," for name in names if name != "__version__"), "]", "", ""]
    fetch_submodule = [
        "        if name in _SUBMODULES:",
        '            return __import__(f"{__name__}.{name}", fromlist=[name])',
    ]
    lines += [
        "if not TYPE_CHECKING:  # type checkers know the names, and would let any other pass for the sake of this",
        "",
        "    def __getattr__(name: str) -> object:",
        '        """Import what is asked for when it is first asked for."""',
        "        home = _HOMES.get(name)",
        "        if home is not None:",
        f'            value: object = getattr(__import__(f"{NAME}.{{home}}", fromlist=[name]), name)',
        "            globals()[name] = value",
        "            return value",
        *(fetch_submodule if submodules else []),
        '        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")',
        "",
        "",
        "def __dir__() -> list[str]:",
        "    return sorted({*globals(), *_HOMES" + (", *_SUBMODULES" if submodules else "") + "})",
        "",
    ]
    return "\n".join(lines)


def outputs() -> dict[Path, str]:
    models = {name: f"models.{module}" for module, names in MODELS.items() for name in names.split()}
    apis = {api: f"api.{snake(api)}" for api in API}
    others = {name: module for module, names in OTHER_NAMES.items() for name in names.split()}
    aliases = " ".join(map(snake, models))
    files = {
        PACKAGE / "__init__.py": face(
            "Python client for the Sunshine Conversations API: everything public, imported on first use.",
            models | apis | others,
            SUBMODULES,
        ),
        PACKAGE / "api" / "__init__.py": face("The API classes.", apis, " ".join(map(snake, API)), f"{NAME}.api"),
        PACKAGE / "models" / "__init__.py": face(
            "All models; modules with an underscore define them.", models, aliases, f"{NAME}.models"
        ),
        PACKAGE / "model" / "__init__.py": face(
            "The models, by the official package's import path.", models, aliases, f"{NAME}.model"
        ),
    }
    asynchronous = {name: f"aio.{module}" for name, module in apis.items()}
    files[PACKAGE / "aio" / "api" / "__init__.py"] = face("The asynchronous API classes.", asynchronous)
    files[PACKAGE / "aio" / "__init__.py"] = face(
        "The asynchronous client: the same names and arguments, awaited.",
        asynchronous | {"ApiClient": "aio.api_client"},
    )
    for api, (doc, methods) in API.items():
        files[PACKAGE / "api" / f"{snake(api)}.py"] = facade(api, doc, methods)
        files[PACKAGE / "aio" / "api" / f"{snake(api)}.py"] = facade(api, doc, methods, asynchronous=True)
    for name, module in models.items():
        for folder in ("model", "models"):
            files[PACKAGE / folder / f"{snake(name)}.py"] = (
                f"{HEADER}\n\nfrom {NAME}.{module} import {name} as {name}\n"
            )
    return files


def formatted(text: str, path: Path) -> str:
    for command in (["check", "--select", "I", "--fix"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(path), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in outputs().items():
        aliases = path.parent.name in ("model", "models") and path.name != "__init__.py"
        wanted = text if aliases and len(text.splitlines()[-1]) <= 120 else formatted(text, path)
        if not path.exists() or path.read_text() != wanted:
            stale.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted)
    for path in stale:
        print("stale:" if check else "wrote:", path.relative_to(ROOT))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
