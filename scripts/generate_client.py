"""Writes the client's facades and import paths from the tables in client_api.py: `make format` runs it, `make check` checks it.

    python scripts/generate_client.py          write what has changed
    python scripts/generate_client.py --check  exit 1 where something would

Everything of substance (models, flow, transport) is written by hand; what is made here repeats one pattern for each
operation and one line for each name.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from client_api import API, ASYNCHRONOUS_NAMES, MODELS, OTHER_NAMES, SUBMODULES, Method, snake

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "sunshine_conversations_client"
NAME = "sunshine_conversations_client"
HEADER = "# Written by scripts/generate_client.py; change that, not this."

OPTIONS = """\
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
"""
LEGACY = "        **legacy: Unpack[LegacyOptions],\n"
PASSED = "_request_timeout, _request_auth, _content_type, _headers, _host_index"


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
        asynchronous | ASYNCHRONOUS_NAMES,
        "api api_client transport",
        f"{NAME}.aio",
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
