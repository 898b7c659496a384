"""Profiles: a service and a key. Secrets are in the system keyring or, if there is none, in the same file."""

from __future__ import annotations

import codecs
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
PROFILE_VARIABLE = "SUNSHINE_KEYS_PROFILE"
_SERVICE = "sunshine-keys"
_RETRY_SECONDS = 0.01


class Profile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A service's URL and a key. If `secret` is None, it is in the keyring."""

    host: str
    key_id: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Profile({self.host!r}, {self.key_id!r})"

    @property
    def is_in_keyring(self) -> bool:
        return self.secret is None


class Profiles(msgspec.Struct):
    """All profiles, and the name of the current one, which commands use by default."""

    current: str | None = None
    profiles: dict[str, Profile] = msgspec.field(default_factory=dict)


def profiles_file() -> Path:
    """Return the path of the file, which has mode 0600, below XDG_CONFIG_HOME or ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "sunshine-keys" / "profiles.json"
    try:
        return Path.home() / ".config" / "sunshine-keys" / "profiles.json"
    except RuntimeError:
        stop(
            Exit.USAGE,
            "profiles have no place: there is no home directory for this user",
            "Set HOME or XDG_CONFIG_HOME.",
        )


def load() -> Profiles:
    """Read the profiles. End the program if the file is unreadable, damaged, or readable by others."""
    file = profiles_file()
    try:
        mode = file.stat().st_mode
        if stat.S_ISFIFO(mode):  # Reading a pipe would wait for a writer.
            stop(Exit.USAGE, f"cannot read the profiles in {file}: it is a pipe")
        content = file.read_bytes()
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        stop(Exit.USAGE, f"cannot read the profiles in {file}: {error.strerror}")
    if stat.S_IMODE(mode) & 0o077:
        stop(
            Exit.USAGE,
            f"other users can read the profiles in {file}, which may contain secrets",
            f"Run: chmod 600 {file}",
        )
    try:
        return msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8), type=Profiles)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        stop(
            Exit.USAGE,
            f"cannot read the profiles in {file}: the file is damaged",
            "Repair or remove it, and log in again.",
        )


@contextlib.contextmanager
def changing() -> Generator[Profiles]:
    """Yield the profiles to change, and save them at the end of the block. Wait for other processes that change them."""
    file = profiles_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            part = _draft(stack, file)
            profiles = load()
            yield profiles
            part.write_bytes(msgspec.json.format(msgspec.json.encode(profiles)) + b"\n")
    except OSError as error:
        stop(Exit.FAILED, f"cannot write the profiles in {file}: {error.strerror}")


def _draft(stack: contextlib.ExitStack, file: Path) -> Path:
    while True:
        try:
            return stack.enter_context(draft(file, replace=True))
        except BlockingIOError:
            time.sleep(_RETRY_SECONDS)


def add(name: str, host: str, key_id: str, secret: str, *, current: bool = True, keyring: bool = True) -> Profile:
    """Save a profile and make it the `current` one. Without `keyring`, its secret is in the file even if there is a keyring."""
    with changing() as profiles:
        if name in profiles.profiles:
            _forget_secret(name, profiles.profiles[name])
        in_keyring = keyring and _put_in_keyring(name, secret)
        profile = Profile(host, key_id, None if in_keyring else secret)
        profiles.profiles[name] = profile
        if current:
            profiles.current = name
    return profile


def use(name: str) -> None:
    """Make a profile the current one."""
    with changing() as profiles:
        find(profiles, name)
        profiles.current = name


def remove(name: str | None) -> str:
    """Remove a profile and its secret: the current one if `name` is None. Return its name."""
    with changing() as profiles:
        name = name or profiles.current or DEFAULT
        _forget_secret(name, find(profiles, name))
        del profiles.profiles[name]
        if profiles.current == name:
            profiles.current = None
    return name


def find(profiles: Profiles, name: str) -> Profile:
    """Return a profile. End the program if there is none of this name."""
    profile = profiles.profiles.get(name)
    if profile is None:
        names = ", ".join(sorted(profiles.profiles)) or "none"
        stop(Exit.USAGE, f"there is no profile {name}; existing profiles: {names}", "Create one: sunshine-keys login")
    return profile


def secret_of(name: str, profile: Profile) -> str:
    """Return a profile's secret. End the program if the keyring does not return it."""
    if profile.secret is not None:
        return profile.secret
    backend = _keyring()
    secret = None
    with contextlib.suppress(Exception):  # Backends raise arbitrary exceptions of their systems.
        secret = None if backend is None else backend.get_password(_SERVICE, name)
    if not secret:
        stop(
            Exit.NOT_AUTHORISED,
            f"the system keyring did not return the secret of profile {name}",
            "Unlock the keyring, or log in again: sunshine-keys login",
        )
    return str(secret)


def _put_in_keyring(name: str, secret: str) -> bool:
    backend = _keyring()
    if backend is None:
        return False
    try:
        backend.set_password(_SERVICE, name, secret)
    except Exception:  # It is locked, or the user refused to unlock it: arbitrary exceptions.
        return False
    return True


def _forget_secret(name: str, profile: Profile) -> None:
    backend = None if profile.secret is not None else _keyring()
    if backend is not None:
        with contextlib.suppress(Exception):  # It may have been removed, or the keyring is locked.
            backend.delete_password(_SERVICE, name)


def _keyring() -> Any:
    """Return the system's keyring, or None if there is none or the package `keyring` is not installed."""
    try:
        backend = importlib.import_module("keyring").get_keyring()
    except Exception:  # It is not installed, or the backend that a setting names cannot be loaded.
        return None
    return backend if backend.priority >= 1 else None  # Backends below 1 store nothing, or store it in clear.
