"""Two servers in one process, each on a thread of its own, as in a test suite that starts several."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.wire import Key, Place, Wire, first_run

from sunshine_keys import server


def test_requests_to_one_do_not_mix_with_those_to_the_other(tmp_path: Path) -> None:
    places = [Place(tmp_path / name, None) for name in ("one", "other")]
    keys = [Key.of(first_run(place)["account_key"]) for place in places]
    with server.running(places[0].settings) as one_url, server.running(places[1].settings) as other_url:

        def names(url: str, key: Key, letter: str) -> set[str]:
            """Create apps, and return the names that the answers have."""
            wire = Wire(url)
            bodies = ({"displayName": letter * 100} for _ in range(200))
            answers = [wire.post("/v2/apps", key, body) for body in bodies]
            return {answer.json["app"]["displayName"] if answer.status == 201 else str(answer) for answer in answers}

        with ThreadPoolExecutor(2) as pool:
            answered = list(pool.map(names, (one_url, other_url), keys, "ab"))
    assert answered == [{"a" * 100}, {"b" * 100}]
