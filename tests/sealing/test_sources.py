"""The sources of the ring of sealing keys, and changes to its file."""

from __future__ import annotations

import base64
import os
import shlex
import stat
import sys
from pathlib import Path

import pytest

from sunshine_keys.sealing import sources
from sunshine_keys.sealing.sources import FolderFile, KeyCommand, decode_keys, from_environment
from sunshine_keys.store import StoreError

A, B = bytes([1]) * 32, bytes([250]) * 32
TEXT = base64.b64encode(B).decode()


def failure(environment: dict[str, str]) -> str:
    def read() -> None:
        source = from_environment(environment)
        assert source is not None
        source.read()

    with pytest.raises(StoreError) as caught:
        read()
    assert TEXT not in str(caught.value)
    return str(caught.value)


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def test_keys_are_read_in_either_base64_alphabet_separated_by_white_space() -> None:
    url = base64.urlsafe_b64encode(B).decode()
    assert url != TEXT
    for text in (f"{base64.b64encode(A).decode()}\n{TEXT}\n", f" {base64.b64encode(A).decode().rstrip('=')}\t{url}"):
        assert decode_keys(text, "x") == [A, B]
    assert decode_keys(f"{TEXT} {url}", "x") == [B]


def test_every_variable_names_a_source(tmp_path: Path) -> None:
    file = tmp_path / "ring"
    file.write_text(TEXT)
    for environment, is_reloadable in (
        ({"SUNSHINE_KEYS_SEALING_KEY": TEXT}, False),
        ({"SUNSHINE_KEYS_SEALING_KEY_FILE": str(file)}, True),
        ({"SUNSHINE_KEYS_SEALING_KEY_COMMAND": f"cat {file}"}, True),
    ):
        source = from_environment({"SUNSHINE_KEYS_SEALING_KEY": ""} | environment)
        assert source is not None
        assert (source.read(), source.is_reloadable) == ([B], is_reloadable)
    assert from_environment({}) is None


def test_two_variables_at_once_are_rejected() -> None:
    assert failure({"SUNSHINE_KEYS_SEALING_KEY": TEXT, "SUNSHINE_KEYS_SEALING_KEY_FILE": "x"}) == (
        "SUNSHINE_KEYS_SEALING_KEY and SUNSHINE_KEYS_SEALING_KEY_FILE are set: give the sealing keys in one of them"
    )


def test_an_invalid_key_is_named_by_its_number(tmp_path: Path) -> None:
    message = "SUNSHINE_KEYS_SEALING_KEY should hold sealing keys, each 32 bytes in base64; number 2 of 3 is invalid"
    assert failure({"SUNSHINE_KEYS_SEALING_KEY": f"{TEXT} {TEXT}A {TEXT}"}) == message
    file = tmp_path / "ring"
    for content in (b"", b"\n", b"\xff\xfe", TEXT.encode() + "é".encode()):
        file.write_bytes(content)
        assert "should hold sealing keys" in failure({"SUNSHINE_KEYS_SEALING_KEY_FILE": str(file)})
    file.unlink()
    assert "cannot read SUNSHINE_KEYS_SEALING_KEY_FILE" in failure({"SUNSHINE_KEYS_SEALING_KEY_FILE": str(file)})


def test_two_keys_with_the_same_id_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "sealing_key_id", lambda key: "00000000")
    with pytest.raises(StoreError, match="x holds two keys of the id 00000000"):
        decode_keys(f"{base64.b64encode(A).decode()} {TEXT}", "x")


class TestCommand:
    def failure(self, line: str) -> str:
        return failure({"SUNSHINE_KEYS_SEALING_KEY_COMMAND": line})

    def test_a_failure_is_reported_without_the_output(self) -> None:
        program = f"import sys; print('{TEXT}'); print('{TEXT}', file=sys.stderr); sys.exit(3)"
        assert self.failure(python(program)) == (
            "the command in SUNSHINE_KEYS_SEALING_KEY_COMMAND failed with exit status 3"
        )
        assert "was ended by signal 9" in self.failure(python("import os; os.kill(os.getpid(), 9)"))

    def test_standard_error_is_not_shown(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.failure(python(f"import sys; print('{TEXT}', file=sys.stderr); sys.exit(3)"))
        assert capfd.readouterr() == ("", "")

    def test_output_without_keys_is_rejected(self) -> None:
        for output in (TEXT + "x", "", "\\xff"):
            message = self.failure(python(f"import sys; sys.stdout.buffer.write(b'{output}')"))
            assert message.startswith("the output of SUNSHINE_KEYS_SEALING_KEY_COMMAND should hold sealing keys")

    def test_a_command_that_cannot_run_is_reported(self) -> None:
        assert "No such file or directory" in self.failure("/nowhere/at/all")
        assert "No closing quotation" in self.failure("'x")

    def test_a_command_runs_without_a_shell(self) -> None:
        assert "failed with exit status 1" in self.failure(f"cat /dev/null; echo {TEXT}")

    def test_a_command_that_takes_too_long_is_stopped(self) -> None:
        command = KeyCommand(python("import time; time.sleep(600)"), seconds=0.2)
        with pytest.raises(StoreError, match=r"did not end within 0\.2 seconds"):
            command.read()


class TestFolderFile:
    def test_the_file_is_created_once(self, tmp_path: Path) -> None:
        source = FolderFile(tmp_path)
        assert source.read() == []
        keys = source.create()
        assert len(keys[0]) == 32
        assert source.create() == source.read() == keys

    def test_the_file_is_replaced_whole_and_readable_by_its_owner_only(self, tmp_path: Path) -> None:
        source = FolderFile(tmp_path)
        source.write([B])
        before = source.path.stat()
        source.write([A, B])
        assert source.read() == [A, B]
        assert source.path.stat().st_ino != before.st_ino
        assert stat.S_IMODE(source.path.stat().st_mode) == 0o600
        assert [file.name for file in tmp_path.iterdir()] == ["sealing.key"]

    def test_a_file_without_a_final_newline_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "sealing.key").write_text(TEXT)
        assert FolderFile(tmp_path).read() == [B]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run the tests as an ordinary user")
    def test_a_read_only_folder_is_reported(self, tmp_path: Path) -> None:
        source = FolderFile(tmp_path)
        source.write([B])
        tmp_path.chmod(0o500)
        with pytest.raises(StoreError, match="cannot write the sealing key"):
            source.write([A, B])
        assert source.read() == [B]

    def test_a_failed_write_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        source = FolderFile(tmp_path)
        source.write([B])
        source.path.unlink()
        source.path.mkdir()
        with pytest.raises(StoreError, match="cannot write the sealing key"):
            source.write([A])
        assert [file.name for file in tmp_path.iterdir()] == ["sealing.key"]
