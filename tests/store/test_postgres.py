"""PostgreSQL alone: errors at the start, and connections that are lost, slow or cut off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import pytest
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.stores import APP, KEY, filled, key, open_postgres

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import APPS
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.table import keys_of_integration
from sunshine_keys.resources import CATALOG
from sunshine_keys.store import OPERATOR, Origin, StoreError, StoreTooNew
from sunshine_keys.store.change import Idempotency
from sunshine_keys.store.postgres import PostgresStore, connections, writer
from sunshine_keys.store.postgres.schema import version_of


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as raised:
        asyncio.run(PostgresStore.prepare(url, CATALOG))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_errors_for_the_operator_fit_on_one_line(postgres: Postgres) -> None:
    url = postgres.new_store()
    postgres.execute(f"CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA {url.rpartition('=')[2]} TO reader")
    assert "no such database" in refusal(postgres.url("missing"))
    assert "refuses the user or the password" in refusal(url.replace("postgres@", "stranger:s3cret@"))
    assert "may not make or use the tables" in refusal(url.replace("postgres@", "reader@"))
    assert "target_session_attrs" in refusal(url + "&target_session_attrs=standby")
    assert "cannot be used" in refusal(url + "&sslnegotiation=x")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "cannot reach the database" in refusal(f"postgresql://postgres:s3cret@127.0.0.1:{port}/x")


def test_another_programs_tables_are_left_alone(postgres: Postgres) -> None:
    url = postgres.new_store()
    schema = url.rpartition("=")[2]
    postgres.execute(f"CREATE TABLE {schema}.precious (x int)")
    assert "another program" in refusal(url)
    tables = postgres.execute(f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'")
    assert tables[0][0] == 1


def test_a_database_that_cannot_hold_every_name_is_refused(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "encoding is LATIN1" in refusal(postgres.url("latin"))


def test_a_newer_version_is_refused(postgres: Postgres) -> None:
    url = postgres.new_store()
    asyncio.run(PostgresStore.prepare(url, CATALOG))
    postgres.execute(f"UPDATE {url.rpartition('=')[2]}.meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(
        StoreTooNew, match=f"schema version 99, this program knows {version_of(CATALOG)}: use the newer program"
    ):
        asyncio.run(PostgresStore.prepare(url, CATALOG))


@pytest.mark.parametrize(
    ("default", "used"), [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply",) * 2]
)
async def test_every_commit_is_durable_whatever_the_default(postgres: Postgres, default: str, used: str) -> None:
    connection = await connections.connect(postgres.url() + f"&synchronous_commit={default}")
    assert await connection.fetchval("SHOW synchronous_commit") == used
    await connection.close()


async def test_a_silent_host_delays_no_request(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host accepts connections and never answers, like a machine that hangs."""
    monkeypatch.setitem(connections._OPTIONS, "timeout", 3600.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{postgres.port}"
        url = postgres_url.replace(f"127.0.0.1:{postgres.port}", hosts) + "&target_session_attrs=read-write"
        async with filled(lambda: open_postgres(url)) as store:
            assert await store.credential("int_1") == KEY
            assert await store.get(APPS, "a") == APP


def terminate_connections(postgres: Postgres) -> None:
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sunshine-keys'")


async def test_lost_connections_are_replaced_without_a_failed_request(postgres: Postgres, postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        for number in range(3):
            assert await store.credential("int_1") == KEY
            assert await store.get(APPS, "a") == APP
            await asyncio.to_thread(terminate_connections, postgres)
            assert await store.get(APPS, "a") == APP
            assert await store.transact(OPERATOR, CreateKey(key(f"int_n{number}")))
            assert await store.credential(f"int_n{number}") == key(f"int_n{number}")
        assert len(await store.audit_entries(0, 100)) == 4


async def test_requests_wait_while_no_host_accepts_writes(postgres: Postgres, postgres_url: str) -> None:
    """This happens in a failover: the old primary is gone, and the standby is not promoted yet."""
    async with filled(lambda: open_postgres(postgres_url)) as store:
        assert await store.credential("int_1") == KEY
        primary, store._url = store._url, store._url + "&target_session_attrs=standby"
        await asyncio.to_thread(terminate_connections, postgres)
        with pytest.raises(StoreUnavailable):
            await store.credential("app_1")
        with pytest.raises(StoreUnavailable, match="nothing was changed"):
            await store.transact(OPERATOR, CreateKey(key("int_2")))
        store._url = primary
        assert await store.transact(OPERATOR, CreateKey(key("int_2")))
        assert await store.credential("int_2") == key("int_2")


@pytest.mark.parametrize("failures", [1, 2, 100])
async def test_a_transaction_that_cannot_be_serialised_is_retried(
    postgres: Postgres, postgres_url: str, failures: int
) -> None:
    schema = postgres_url.rpartition("=")[2]
    async with filled(lambda: open_postgres(postgres_url)) as store:
        await asyncio.to_thread(
            postgres.execute,
            f"""
            CREATE SEQUENCE {schema}.tries;
            CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('{schema}.tries') <= {failures} THEN RAISE SQLSTATE '40001'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail BEFORE INSERT ON {schema}.keys FOR EACH ROW EXECUTE FUNCTION {schema}.fail();
            """,
        )
        creating = store.transact(OPERATOR, CreateKey(key("int_2")))
        if failures < 3:
            assert await creating == key("int_2")
        else:
            with pytest.raises(StoreUnavailable, match="nothing was changed"):
                await creating
            assert await keys_of_integration(store, "i") == [KEY]
        assert len(await store.audit_entries(0, 100)) == (2 if failures < 3 else 1)


async def test_a_hanging_database_fails_requests_after_a_timeout(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (connections, writer):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    monkeypatch.setitem(connections._OPTIONS, "command_timeout", 0.5)
    monkeypatch.setitem(connections._OPTIONS, "timeout", 0.5)
    with Proxy(postgres.port).running() as proxy:
        async with filled(lambda: open_postgres(postgres_url.replace(f":{postgres.port}", f":{proxy.port}"))) as store:
            assert await store.get(APPS, "a") == APP
            proxy.cut()
            asked = [store.get(APPS, "a") for _ in range(20)]
            asked += [store.transact(OPERATOR, CreateKey(key(f"int_h{number}"))) for number in range(5)]
            outcomes = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 30)
            assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
            proxy.heal()
            assert await store.get(APPS, "a") == APP
            assert await keys_of_integration(store, "i") == [KEY]
            assert await store.transact(OPERATOR, CreateKey(key("int_2")))


async def test_callers_that_come_back_are_in_one_group(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_PATIENCE", 1)
    monkeypatch.setattr(writer, "_COMMIT", "SELECT pg_sleep(0.05); COMMIT")
    async with filled(lambda: open_postgres(postgres_url)) as store:
        before = sum(store.commits.sizes.counts)

        async def call(caller: int) -> None:
            for number in range(8):
                await store.transact(OPERATOR, CreateKey(key(f"act_{caller}{number}", Scope.ACCOUNT, None, None)))
                await asyncio.sleep(0.001 * caller)

        await asyncio.gather(*(call(caller) for caller in range(4)))
        assert sum(store.commits.sizes.counts) - before < 12


async def test_creates_are_planned_once(postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        for group in range(3):
            await asyncio.gather(
                *(
                    store.transact(OPERATOR, CreateKey(key(f"act_{group}{number}", Scope.ACCOUNT, None, None)))
                    for number in range(4)
                ),
                store.transact(OPERATOR, CreateKey(key(f"int_p{group}"))),
                store.transact(OPERATOR, CreateKey(key(f"app_p{group}", Scope.APP, "a", None))),
            )
        plans = await store._writer._connection.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO keys%'"
        )
        assert len(plans) >= 3
        assert {custom for _, custom in plans} == {0}


async def test_plans_from_small_tables_read_no_whole_table(postgres_url: str) -> None:
    """They are kept while the tables grow."""
    async with filled(lambda: open_postgres(postgres_url)) as store:
        await store.rows("ANALYZE")
        counts = (
            "SELECT sum(seq_scan), sum(idx_scan) FROM pg_stat_user_tables WHERE relname IN ('keys', 'integrations')"
        )
        await store.transact(OPERATOR, CreateKey(key("int_2")))
        await asyncio.sleep(1.1)  # a session reports its scans at most once a second
        await store.transact(OPERATOR, DeleteKey("a", "i", "int_2"))
        ((whole, by_index),) = await store.rows(counts)
        reported = by_index
        for _ in range(60):
            if reported >= by_index + 4:
                break
            await asyncio.sleep(0.5)
            await store.transact(OPERATOR, CreateKey(key("int_2")))
            await store.transact(OPERATOR, DeleteKey("a", "i", "int_2"))
            ((now_whole, reported),) = await store.rows(counts)
        assert (now_whole, reported >= by_index + 4) == (whole, True)


async def test_a_retry_settles_a_commit_whose_answer_was_lost(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ANSWER_SECONDS", 0.5)
    origin = Origin("app_1", idempotency=Idempotency.of("app_1", "once", b"body"))
    with Proxy(postgres.port).running() as proxy:
        async with filled(lambda: open_postgres(postgres_url.replace(f":{postgres.port}", f":{proxy.port}"))) as store:
            proxy.last = b"COMMIT\0"
            with pytest.raises(StoreUnavailable, match="it may have been done, or not"):
                await store.transact_once(origin, CreateKey(key("int_2")), b"sealed answer")
            proxy.heal()
            assert await store.transact_once(origin, CreateKey(key("int_3")), b"sealed another") == b"sealed answer"
            assert [listed.id for listed in await keys_of_integration(store, "i")] == ["int_1", "int_2"]


async def test_no_password_is_logged(postgres: Postgres, postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with filled(lambda: open_postgres(postgres_url.replace("postgres@", "postgres:s3cret@"))) as store:
        await asyncio.to_thread(terminate_connections, postgres)
        await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
        store._url = store._url.replace(str(postgres.port), "1")
        await asyncio.to_thread(terminate_connections, postgres)
        with pytest.raises(StoreUnavailable):
            await store.transact(OPERATOR, CreateKey(key("int_2")))
    assert caplog.records
    assert "s3cret" not in caplog.text


async def test_a_store_is_looked_for_in_the_whole_search_path(
    postgres: Postgres, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A schema named like the role, which comes first by default, may appear after the store was made in `public`."""
    schema, url = postgres_url.rpartition("=")[2], await asyncio.to_thread(postgres.new_store)
    both = f"{url},{schema}"
    async with filled(lambda: open_postgres(postgres_url)):
        async with contextlib.AsyncExitStack() as stack:
            store = await open_postgres(both)
            stack.push_async_callback(store.close)
            assert await store.get(APPS, "a") == APP
            assert await store.credential("int_1") == KEY
            assert await store.transact(OPERATOR, CreateKey(key("int_2")))
        assert f"the store is in the schema {schema}" in caplog.text
    first = url.rpartition("=")[2]
    tables = await asyncio.to_thread(postgres.execute, f"SELECT count(*) FROM pg_tables WHERE schemaname = '{first}'")
    assert tables[0][0] == 0


async def test_ready_reads_every_table(postgres: Postgres, postgres_url: str) -> None:
    async with filled(lambda: open_postgres(postgres_url)) as store:
        await store.ready()
        await asyncio.to_thread(postgres.execute, f"DROP TABLE {postgres_url.rpartition('=')[2]}.webhooks")
        with pytest.raises(StoreUnavailable):
            await store.ready()


LIBPQ = {
    "channel_binding": "require", "client_encoding": "auto", "connect_timeout": "2", "fallback_application_name": "x",
    "gssencmode": "disable", "keepalives": "1", "keepalives_count": "3", "keepalives_idle": "30", "keepalives_interval": "10",
    "load_balance_hosts": "disable", "require_auth": "none", "sslcertmode": "allow", "sslcompression": "0", "sslcrldir": "/x",
    "sslsni": "1", "tcp_user_timeout": "1000", "application_name": "mine", "replication": "false",
}  # fmt: skip


async def test_parameters_of_libpq_are_accepted(postgres_url: str) -> None:
    url = postgres_url + "".join(f"&{name}={value}" for name, value in LIBPQ.items())
    async with filled(lambda: open_postgres(url)) as store:
        assert await store.credential("int_1") == KEY
        assert await store.get(APPS, "a") == APP


def test_parameters_of_libpq_become_arguments() -> None:
    assert connections.connect_arguments("postgresql://h/d?connect_timeout=2&work_mem=8MB") == {
        "timeout": 2.0,
        "dsn": "postgresql://h/d?work_mem=8MB",
    }
    assert (
        connections.connect_arguments("postgresql:///d?hostaddr=127.0.0.1")["dsn"] == "postgresql:///d?host=127.0.0.1"
    )
    assert connections.connect_arguments("postgresql://h/d?hostaddr=127.0.0.1")["dsn"] == "postgresql://h/d"
    system = connections.connect_arguments("postgresql://h/d?sslmode=verify-full&sslrootcert=system")
    assert system["dsn"] == "postgresql://h/d"
    assert system["ssl"].check_hostname
