"""Does the work of one library, in a process of its own that benchmarks/client.py starts.

    python worker.py LIBRARY import   print the seconds that its import takes
    python worker.py LIBRARY cold     post a message; print the peak memory in kB, and the CPU time of the process in seconds
    python worker.py LIBRARY cases    print its cases; then, for each line of input such as `get 100`, do the case that
                                      often and print the CPU time and the time that it took, in seconds

LIBRARY is `client` (this package or the official one, whichever is installed), `requests`, `httpx`, `aiohttp` or `pydantic`.
The module itself imports as little as possible, because the start of the process is measured.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    Cases = dict[str, Callable[[int], None]]
    """The cases of a library, each a function that does it a number of times."""

CONNECT_SECONDS, READ_SECONDS = 5, 30
AT_ONCE = 50
THREADS = 8


def setting(name: str) -> str:
    return os.environ[f"BENCHMARK_{name}"]


def key_arguments() -> tuple[str, str, str]:
    return setting("APP"), setting("INTEGRATION"), setting("KEY")


def key_url() -> str:
    return "{}/v2/apps/{}/integrations/{}/keys/{}".format(setting("URL"), *key_arguments())


def messages_url() -> str:
    return f"{setting('URL')}/v2/apps/{setting('APP')}/conversations/{setting('CONVERSATION')}/messages"


def credentials() -> tuple[str, str]:
    return setting("KEY_ID"), setting("SECRET")


MESSAGE: dict[str, Any] = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello"}}


def repeated(call: Callable[[], Any]) -> Callable[[int], None]:
    def work(count: int) -> None:
        for _ in range(count):
            assert call()

    return work


def threaded(call: Callable[[], Any]) -> Callable[[int], None]:
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS)

    def work(count: int) -> None:
        assert all(pool.map(lambda _: call(), range(count)))

    return work


def concurrent(new_call: Callable[[], Awaitable[Callable[[], Awaitable[Any]]]]) -> Callable[[int], None]:
    """Return a case of AT_ONCE tasks that share the calls. `new_call` opens the library's client on the event loop."""
    import asyncio

    loop = asyncio.new_event_loop()
    opened: list[Callable[[], Awaitable[Any]]] = []

    async def work(count: int) -> None:
        if not opened:
            opened.append(await new_call())
        remaining = iter(range(count))

        async def task() -> None:
            for _ in remaining:
                assert await opened[0]()

        await asyncio.gather(*(task() for _ in range(AT_ONCE)))

    return lambda count: loop.run_until_complete(work(count))


# The two clients of the API, which take the same calls.


def client_configuration() -> Any:
    import sunshine_conversations_client as sunshine

    username, password = credentials()
    return sunshine.Configuration(host=setting("URL"), username=username, password=password)


def client_cold() -> None:
    import sunshine_conversations_client as sunshine

    post = sunshine.MessagePost(
        author=sunshine.Author(type="business"),
        content=sunshine.Content(sunshine.TextMessage(type="text", text="Hello")),
    )
    api = sunshine.MessagesApi(sunshine.ApiClient(client_configuration()))
    assert api.post_message(setting("APP"), setting("CONVERSATION"), post).messages[0].id


def client_cases() -> Cases:
    import sunshine_conversations_client as sunshine

    keys = sunshine.CustomIntegrationApiKeysApi(sunshine.ApiClient(client_configuration()))
    arguments = key_arguments()

    def get(**options: Any) -> Callable[[], Any]:
        return lambda: keys.get_custom_integration_key(*arguments, **options).key.secret

    with open(setting("PAGE"), encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not imported here
        page = file.read()
    cases = {
        "get": repeated(get()),
        "get_limited": repeated(get(_request_timeout=(CONNECT_SECONDS, READ_SECONDS))),
        "get_unlimited": repeated(get(_request_timeout=None)),
        "get_threads": threaded(get()),
        "decode": repeated(lambda: sunshine.MessageListResponse.from_json(page).messages[0].id),
    }
    if hasattr(sunshine, "aio"):  # the official client has no asynchronous one
        cases["get_at_once"] = concurrent(new_asynchronous_call)
    return cases


async def new_asynchronous_call() -> Callable[[], Awaitable[Any]]:
    from sunshine_conversations_client import aio

    configuration = client_configuration()
    configuration.connection_pool_maxsize = 2 * AT_ONCE  # aiohttp's own default
    keys = aio.CustomIntegrationApiKeysApi(aio.ApiClient(configuration))
    arguments = key_arguments()

    async def call() -> str | None:
        key = (await keys.get_custom_integration_key(*arguments)).key
        assert key is not None
        return key.secret

    return call


# Libraries for HTTP, which return what the JSON holds.


def requests_cold() -> None:
    import requests

    answer = requests.Session().post(messages_url(), json=MESSAGE, auth=credentials())
    answer.raise_for_status()
    assert answer.json()["messages"][0]["id"]


def requests_cases() -> Cases:
    import requests

    session, url = requests.Session(), key_url()
    session.auth = credentials()

    def get(**options: Any) -> Any:
        answer = session.get(url, **options)
        answer.raise_for_status()
        return answer.json()["key"]["secret"]

    limits = (CONNECT_SECONDS, READ_SECONDS)
    return {"get": repeated(get), "get_limited": repeated(lambda: get(timeout=limits))}


def httpx_cold() -> None:
    import httpx

    answer = httpx.Client(auth=credentials()).post(messages_url(), json=MESSAGE)
    answer.raise_for_status()
    assert answer.json()["messages"][0]["id"]


def httpx_cases() -> Cases:
    import httpx

    url = key_url()

    def get_with(client: httpx.Client) -> Callable[[], Any]:
        def get() -> Any:
            answer = client.get(url)
            answer.raise_for_status()
            return answer.json()["key"]["secret"]

        return get

    limits = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    return {
        "get": repeated(get_with(httpx.Client(auth=credentials()))),
        "get_limited": repeated(get_with(httpx.Client(auth=credentials(), timeout=limits))),
    }


def aiohttp_cases() -> Cases:
    import aiohttp

    url = key_url()

    async def new_call() -> Callable[[], Awaitable[Any]]:
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth(*credentials()))

        async def call() -> Any:
            async with session.get(url) as answer:
                answer.raise_for_status()
                return (await answer.json())["key"]["secret"]

        return call

    return {"get_at_once": concurrent(new_call)}


def pydantic_cases() -> Cases:
    from messages import MessageListResponse

    with open(setting("PAGE"), encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not imported here
        page = file.read()
    return {"decode": repeated(lambda: MessageListResponse.model_validate_json(page).messages[0].id)}


def peak_memory() -> int:
    """Return the peak memory of this process in kB. That of `getrusage` includes the process that forked it."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not imported here
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


MODULES = {"client": "sunshine_conversations_client"}
COLD = {"client": client_cold, "requests": requests_cold, "httpx": httpx_cold}
CASES = {
    "client": client_cases,
    "requests": requests_cases,
    "httpx": httpx_cases,
    "aiohttp": aiohttp_cases,
    "pydantic": pydantic_cases,
}


def main() -> None:
    _, library, task = sys.argv
    if task == "import":
        started = time.perf_counter()
        __import__(MODULES.get(library, library))
        print(time.perf_counter() - started)
    elif task == "cold":
        COLD[library]()
        print(peak_memory(), time.process_time())
    else:
        cases = CASES[library]()
        print(*cases, flush=True)
        for line in sys.stdin:
            case, count = line.split()
            started, cpu = time.perf_counter(), time.process_time()
            cases[case](int(count))
            print(time.process_time() - cpu, time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
