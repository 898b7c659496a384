"""Profiles: which service, by which key. Secrets are in the system keyring where there is one, else in the same file."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.exits import Exit, stop

DEFAULT = "default"
_SERVICE = "sunshine-keys"
_ASKED_AGAIN_SECONDS = 0.01


class Profile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A `secret` of None is in the keyring."""

    host: str
    key_id: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Profile({self.host!r}, {self.key_id!r})"

    @property
    def where(self) -> str:
        return "keyring" if self.secret is None else "file"


class Profiles(msgspec.Struct):
    """All there are, and which one is used where none is named."""

    current: str | None = None
    profiles: dict[str, Profile] = msgspec.field(default_factory=dict)


def place() -> Path:
    """The file: of mode 0600, below XDG_CONFIG_HOME or ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base and Path(base).is_absolute() else Path.home() / ".config"
    return folder / "sunshine-keys" / "profiles.json"


def load() -> Profiles:
    file = place()
    try:
        mode = file.stat().st_mode
        if stat.S_ISFIFO(mode):  # reading one waits for whoever writes it
            stop(Exit.USAGE, f"cannot read the profiles in {file}: it is a pipe")
        content = file.read_bytes()
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        stop(Exit.USAGE, f"cannot read the profiles in {file}: {error.strerror}")
    if stat.S_IMODE(mode) & 0o077:
        stop(Exit.USAGE, f"others can read the profiles in {file}, which may hold secrets", f"Run: chmod 600 {file}")
    try:
        return msgspec.json.decode(content, type=Profiles)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        stop(Exit.USAGE, f"{file} holds no profiles: mend or remove it, and log in again")


@contextlib.contextmanager
def changing() -> Generator[Profiles]:
    """All there are, to be changed; saved at the block's end. Waits for others that change them."""
    file = place()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            part = _begun(stack, file)
            profiles = load()
            yield profiles
            part.write_bytes(msgspec.json.format(msgspec.json.encode(profiles)) + b"\n")
    except OSError as error:
        stop(Exit.FAILED, f"cannot write the profiles in {file}: {error.strerror}")


def _begun(stack: contextlib.ExitStack, file: Path) -> Path:
    while True:
        try:
            return stack.enter_context(draft(file, replace=True))
        except BlockingIOError:
            time.sleep(_ASKED_AGAIN_SECONDS)


def add(name: str, host: str, key_id: str, secret: str) -> Profile:
    """Keep a profile and make it the current one."""
    with changing() as profiles:
        if name in profiles.profiles:
            _forget_secret(name, profiles.profiles[name])
        in_keyring = _put_in_keyring(name, secret)
        profile = Profile(host, key_id, None if in_keyring else secret)
        profiles.profiles[name] = profile
        profiles.current = name
    return profile


def use(name: str) -> None:
    with changing() as profiles:
        find(profiles, name)
        profiles.current = name


def remove(name: str | None) -> str:
    """Forget a profile, the current one if `name` is None, and its secret; returns its name."""
    with changing() as profiles:
        name = name or profiles.current or DEFAULT
        _forget_secret(name, find(profiles, name))
        del profiles.profiles[name]
        if profiles.current == name:
            profiles.current = None
    return name


def find(profiles: Profiles, name: str) -> Profile:
    profile = profiles.profiles.get(name)
    if profile is None:
        there = ", ".join(sorted(profiles.profiles))
        others = f"there are: {there}" if there else "there are none"
        stop(Exit.USAGE, f"there is no profile {name}; {others}", "Make one by: sunshine-keys login")
    return profile


def secret_of(name: str, profile: Profile) -> str:
    if profile.secret is not None:
        return profile.secret
    backend = _keyring()
    secret = None
    with contextlib.suppress(Exception):  # backends raise whatever their system does
        secret = None if backend is None else backend.get_password(_SERVICE, name)
    if not secret:
        stop(
            Exit.NOT_AUTHORISED,
            f"the secret of profile {name} is in the system keyring, which does not give it out now",
            "Unlock the keyring, or log in again: sunshine-keys login",
        )
    return str(secret)


def _put_in_keyring(name: str, secret: str) -> bool:
    backend = _keyring()
    if backend is None:
        return False
    try:
        backend.set_password(_SERVICE, name, secret)
    except Exception:  # locked, or refused by whoever was asked to unlock it: whatever the system raises
        return False
    return True


def _forget_secret(name: str, profile: Profile) -> None:
    backend = None if profile.secret is not None else _keyring()
    if backend is not None:
        with contextlib.suppress(Exception):  # it may be gone already, or locked
            backend.delete_password(_SERVICE, name)


def _keyring() -> Any:
    """The system's keyring; None where there is none, or the package `keyring` is not installed."""
    try:
        backend = importlib.import_module("keyring").get_keyring()
    except Exception:  # not installed, or a backend that was asked for by name and cannot be loaded
        return None
    return backend if backend.priority >= 1 else None  # below 1 are those that keep nothing, or in clear
