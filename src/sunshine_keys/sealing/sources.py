"""Read the ring of sealing keys: from a file of mode 0600 beside the store, or from a source of the operator's.

Each source holds one or more keys, each 32 bytes in base64, separated by white space.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import secrets
import shlex
import subprocess
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from sunshine_keys.atomic_files import sync_folder
from sunshine_keys.sealing.sealer import sealing_key_id
from sunshine_keys.store import StoreError

FILE_NAME = "sealing.key"
VARIABLE = "SUNSHINE_KEYS_SEALING_KEY"
COMMAND_SECONDS = 10.0


class Source(Protocol):
    """A source of a ring: a file, a command or a variable."""

    @property
    def name(self) -> str:
        """The name of the source in messages."""
        ...

    @property
    def is_reloadable(self) -> bool:
        """True if reading the source again may return other keys."""
        ...

    def read(self) -> list[bytes]:
        """Return the keys, empty if no key has been created yet. A new store is sealed under the first key.

        Raises StoreError, whose message contains no part of a key.
        """
        ...


class FixedKeys:
    """Keys that cannot change while this process runs."""

    is_reloadable = False

    def __init__(self, keys: Iterable[bytes], name: str = "the ring") -> None:
        self.name = name
        self._keys = list(keys)

    def read(self) -> list[bytes]:
        return self._keys


class OperatorFile:
    """A file that the operator keeps; this program only reads it."""

    is_reloadable = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"{path} ({VARIABLE}_FILE)"

    def read(self) -> list[bytes]:
        try:
            return decode_keys(self._path.read_text("utf-8-sig"), str(self._path))
        except UnicodeDecodeError:
            return decode_keys("", str(self._path))
        except OSError as error:
            raise StoreError(f"cannot read {VARIABLE}_FILE: {error}") from error


class KeyCommand:
    """A command whose standard output is the ring. It runs without a shell, for at most ten seconds."""

    is_reloadable = True
    name = f"{VARIABLE}_COMMAND"

    def __init__(self, line: str, seconds: float = COMMAND_SECONDS) -> None:
        self._line = line
        self._seconds = seconds

    def read(self) -> list[bytes]:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                shlex.split(self._line),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # It might contain keys too.
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StoreError(f"the command in {self.name} did not end within {self._seconds:g} seconds") from None
        except OSError as error:
            raise StoreError(f"cannot run the command in {self.name}: {error.strerror}") from None
        except ValueError as error:
            raise StoreError(f"cannot read the command in {self.name}: {error}") from None
        if done.returncode < 0:
            raise StoreError(f"the command in {self.name} was ended by signal {-done.returncode}")
        if done.returncode:
            raise StoreError(f"the command in {self.name} failed with exit status {done.returncode}")
        return decode_keys(done.stdout.decode("utf-8-sig", "replace"), f"the output of {self.name}")


class FolderFile:
    """The file in the data folder, which this program creates and changes."""

    is_reloadable = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.name = str(self.path)

    def read(self) -> list[bytes]:
        try:
            return decode_keys(self.path.read_text("utf-8-sig"), self.name)
        except FileNotFoundError:
            return []
        except UnicodeDecodeError:
            return decode_keys("", self.name)
        except OSError as error:
            raise StoreError(f"cannot read the sealing key {self.path}: {error}") from error

    def create(self) -> list[bytes]:
        """Create the file with one new key and return the key, or return the keys that another process has just written.

        The key is on disk before this returns. Raises StoreError.
        """
        with self._writing(secrets.token_bytes(32)) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, self.path)
        keys = self.read()
        if not keys:
            raise StoreError(f"the sealing key {self.path} vanished while it was created")
        return keys

    def write(self, keys: list[bytes]) -> None:
        """Replace the keys in the file atomically. Raises StoreError."""
        with self._writing(*keys) as draft:
            draft.replace(self.path)

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Lock the ring against changes by other processes. Raises StoreError if another process holds the lock."""
        try:
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
            finally:
                os.close(handle)
        except BlockingIOError:
            raise StoreError(f"another process is changing the ring {self.path}") from None

    @contextlib.contextmanager
    def _writing(self, *keys: bytes) -> Generator[Path]:
        """Yield a temporary file that holds `keys` and is on disk. The caller renames it."""
        draft = self.folder / f".{FILE_NAME}.{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.writelines(base64.urlsafe_b64encode(key).decode() + "\n" for key in keys)
                file.flush()
                os.fsync(file.fileno())
            yield draft
            sync_folder(self.folder)
        except OSError as error:
            raise StoreError(f"cannot write the sealing key {self.path}: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)


def from_environment(environment: Mapping[str, str]) -> Source | None:
    """Return the source that the environment names, or None. Raises StoreError if it names several, or invalid keys."""
    sources: dict[str, Callable[[str], Source]] = {
        VARIABLE: lambda text: FixedKeys(decode_keys(text, VARIABLE), VARIABLE),
        f"{VARIABLE}_FILE": lambda path: OperatorFile(Path(path)),
        f"{VARIABLE}_COMMAND": KeyCommand,
    }
    named = [name for name in sources if environment.get(name)]
    if len(named) > 1:
        raise StoreError(f"{' and '.join(named)} are set: give the sealing keys in one of them")
    return sources[named[0]](environment[named[0]]) if named else None


def decode_keys(text: str, source: str) -> list[bytes]:
    """Return the keys in `text`, in either base64 alphabet. Raises StoreError, which names `source` and never a key."""
    keys: dict[str, bytes] = {}
    words = text.split()
    for number, word in enumerate(words or [""], 1):
        compact = word.rstrip("=").replace("+", "-").replace("/", "_")
        try:
            key = base64.b64decode(compact + "=" * (-len(compact) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            which = "" if len(words) < 2 else f"; number {number} of {len(words)} is invalid"
            raise StoreError(f"{source} should hold sealing keys, each 32 bytes in base64{which}")
        if keys.setdefault(sealing_key_id(key), key) != key:
            raise StoreError(f"{source} holds two keys of the id {sealing_key_id(key)}: make another")
    return list(keys.values())
