"""What a user would otherwise write: the keys of integrations by FastAPI, pydantic and asynchronous SQLAlchemy on SQLite.

It is written as their documentation teaches, makes the same checks, gives the same answers, and is as durable: WAL with
synchronous=FULL. It reads REFERENCE_DATABASE (a path) and REFERENCE_SEALING_KEY (hex) from the environment.
"""

import hmac
import os
import secrets
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import ForeignKey, Index, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    f"sqlite+aiosqlite:///{os.environ['REFERENCE_DATABASE']}",
    connect_args={"timeout": 30},
    pool_size=32,  # the default of 5 would open and close connections all the time, and serve half as many requests
    max_overflow=0,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)
aead = AESGCM(bytes.fromhex(os.environ["REFERENCE_SEALING_KEY"]))


@event.listens_for(engine.sync_engine, "connect")
def set_up(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(engine.sync_engine, "begin")
def begin(connection: Any) -> None:
    how = connection.get_execution_options().get("begin", "")
    connection.exec_driver_sql(f"BEGIN {how}")


class Base(DeclarativeBase):
    pass


class App(Base):
    __tablename__ = "apps"
    id: Mapped[str] = mapped_column(primary_key=True)


class Integration(Base):
    __tablename__ = "integrations"
    id: Mapped[str] = mapped_column(primary_key=True)
    app_id: Mapped[str] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), index=True)
    type: Mapped[str]


class Key(Base):
    __tablename__ = "keys"
    __table_args__ = (Index("keys_by_integration", "integration_id", "id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str]
    app_id: Mapped[str | None] = mapped_column(ForeignKey("apps.id", ondelete="CASCADE"), index=True)
    integration_id: Mapped[str | None] = mapped_column(ForeignKey("integrations.id", ondelete="CASCADE"))
    display_name: Mapped[str]
    sealed_secret: Mapped[bytes]

    @property
    def secret(self) -> str:
        return aead.decrypt(self.sealed_secret[:12], self.sealed_secret[12:], self.id.encode()).decode()


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class KeyCreate(Wire):
    display_name: str = Field(min_length=1, max_length=100)


class KeyView(Wire):
    id: str
    display_name: str
    secret: str


class KeyResponse(BaseModel):
    key: KeyView


class KeyListResponse(BaseModel):
    keys: list[KeyView]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def common_headers(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-Id"] = secrets.token_hex(12)


app = FastAPI(lifespan=lifespan, dependencies=[Depends(common_headers)])


def failure(status: int, code: str, title: str) -> HTTPException:
    headers = {"WWW-Authenticate": "Basic, Bearer"} if status == 401 else None
    return HTTPException(status, {"code": code, "title": title}, headers)


@app.exception_handler(HTTPException)
async def envelope(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"errors": [error.detail]}, error.status_code, error.headers)


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse({"errors": [{"code": "bad_request", "title": detail["msg"]} for detail in error.errors()]}, 400)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def authenticated(request: Request, session: Session) -> Key:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    wrong = failure(401, "unauthorized", "Authorization is required")
    try:
        if scheme.lower() == "basic":
            key_id, _, secret = b64decode(credentials).decode().partition(":")
            key = await session.get(Key, key_id)
            if key is None or not hmac.compare_digest(secret.encode(), key.secret.encode()):
                raise wrong
            return key
        if scheme.lower() == "bearer":
            key = await session.get(Key, str(jwt.get_unverified_header(credentials).get("kid")))
            if key is None:
                raise wrong
            claims = jwt.decode(credentials, key.secret, algorithms=["HS256"])
            if claims.get("scope") != key.scope:
                raise wrong
            return key
    except (ValueError, jwt.InvalidTokenError):
        raise wrong from None
    raise wrong


async def authorised(app_id: str, actor: Annotated[Key, Depends(authenticated)]) -> Key:
    if actor.scope == "integration" or (actor.scope == "app" and actor.app_id != app_id):
        raise failure(403, "forbidden", "Forbidden")
    return actor


Actor = Annotated[Key, Depends(authorised)]
KEYS = "/v2/apps/{app_id}/integrations/{integration_id}/keys"


async def custom_integration(session: AsyncSession, app_id: str, integration_id: str) -> Integration:
    integration = await session.get(Integration, integration_id)
    if integration is None or integration.app_id != app_id:
        raise failure(404, "integration_not_found", "Integration not found")
    if integration.type != "custom":
        raise failure(400, "bad_request", "API keys are available only for custom integrations")
    return integration


@app.get(KEYS + "/{key_id}")
async def get_key(app_id: str, integration_id: str, key_id: str, actor: Actor, session: Session) -> KeyResponse:
    key = await session.get(Key, key_id)
    if key is None or key.app_id != app_id or key.integration_id != integration_id:
        raise failure(404, "not_found", "Resource not found")
    return KeyResponse(key=KeyView.model_validate(key))


@app.get(KEYS)
async def list_keys(app_id: str, integration_id: str, actor: Actor, session: Session) -> KeyListResponse:
    keys = (await session.scalars(select(Key).where(Key.integration_id == integration_id).order_by(Key.id))).all()
    keys = [key for key in keys if key.app_id == app_id]
    if not keys:
        await custom_integration(session, app_id, integration_id)
    return KeyListResponse(keys=[KeyView.model_validate(key) for key in keys])


@app.post(KEYS, status_code=201)
async def create_key(app_id: str, integration_id: str, body: KeyCreate, actor: Actor, session: Session) -> KeyResponse:
    await session.commit()  # ends the reads for authentication, so that the change has a transaction of its own
    await session.connection(execution_options={"begin": "IMMEDIATE"})
    if await session.get(Key, actor.id, populate_existing=True) is None:
        raise failure(401, "unauthorized", "Authorization is required")
    await custom_integration(session, app_id, integration_id)
    count = await session.scalar(select(func.count()).where(Key.integration_id == integration_id))
    if count is not None and count >= 10:
        raise failure(400, "bad_request", "An integration is limited to 10 API keys; delete one first")
    key_id, secret, nonce = f"int_{secrets.token_hex(12)}", secrets.token_urlsafe(64), os.urandom(12)
    sealed = nonce + aead.encrypt(nonce, secret.encode(), key_id.encode())
    key = Key(
        id=key_id, scope="integration", app_id=app_id, integration_id=integration_id,
        display_name=body.display_name, sealed_secret=sealed,
    )  # fmt: skip
    session.add(key)
    await session.commit()
    return KeyResponse(key=KeyView.model_validate(key))


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
