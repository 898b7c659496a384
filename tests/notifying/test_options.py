"""The settings of notifications: what is rejected, and what a message shows of a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunshine_keys.notifying.options import Body, Notifications

SECRET = "whsec_" + "A" * 32


def test_without_a_target_there_are_no_notifications() -> None:
    assert Notifications.from_environment({}) is None
    assert Notifications.from_environment({"SUNSHINE_KEYS_NOTIFY_SECRET": SECRET}) is None


def test_variables_name_the_target() -> None:
    settings = Notifications.from_environment(
        {"SUNSHINE_KEYS_NOTIFY": "https://example.com/hook", "SUNSHINE_KEYS_NOTIFY_BODY": "text"}
    )
    assert settings == Notifications("https://example.com/hook", body=Body.TEXT)


def test_files_hold_the_url_and_the_secrets(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://example.com/token\n")
    (tmp_path / "secret").write_text(f"{SECRET}\n{SECRET}\n")
    variables = {"NOTIFY_FILE": "url", "NOTIFY_SECRET_FILE": "secret"}
    settings = Notifications.from_environment(
        {f"SUNSHINE_KEYS_{name}": str(tmp_path / file) for name, file in variables.items()}
    )
    assert settings is not None
    assert settings.url == "https://example.com/token"
    assert settings.signing_keys == [bytes(24)] * 2


def test_an_option_replaces_the_target_of_the_variables() -> None:
    variables = {"SUNSHINE_KEYS_NOTIFY": "https://example.com/hook"}
    settings = Notifications.from_environment(variables, command="notify-send")
    assert settings is not None
    assert (settings.url, settings.command) == ("", "notify-send")


def test_workers_get_the_same_settings() -> None:
    secret = {"SUNSHINE_KEYS_NOTIFY_SECRET": SECRET}
    settings = Notifications.from_environment(secret, "https://example.com", body=Body.TEXT)
    assert settings is not None
    assert Notifications.from_environment(secret | settings.environment()) == settings


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"NOTIFY": "example.com"}, "--notify should be a URL"),
        ({"NOTIFY": "ftp://example.com"}, "--notify should be a URL"),
        ({"NOTIFY": "https://"}, "--notify should be a URL"),
        ({"NOTIFY": "https://example.com:99999"}, "--notify should be a URL"),
        ({"NOTIFY": "https://example.com/a b"}, "--notify should be a URL"),
        ({"NOTIFY": "https://[::1"}, "--notify should be a URL"),
        ({"NOTIFY_COMMAND": "echo 'x"}, "cannot be split into words"),
        ({"NOTIFY_COMMAND": " "}, "--notify-command is empty"),
        ({"NOTIFY": "https://example.com", "NOTIFY_COMMAND": "echo"}, "name one target"),
        ({"NOTIFY_FILE": "/nowhere/url"}, "cannot read the URL of notifications in /nowhere/url: No such file"),
        ({"NOTIFY_FILE": "/dev/null"}, "is empty"),
        ({"NOTIFY": "https://example.com", "NOTIFY_SECRET": "secret"}, "should be whsec_"),
        ({"NOTIFY": "https://example.com", "NOTIFY_SECRET": "whsec_AAAA"}, "should be whsec_"),
        ({"NOTIFY": "https://example.com", "NOTIFY_SECRET": "whsec_" + "!" * 32}, "should be whsec_"),
        ({"NOTIFY": "https://example.com", "NOTIFY_SECRET_FILE": "/nowhere"}, "cannot read the secret"),
        ({"NOTIFY": "https://example.com", "NOTIFY_BODY": "html"}, "NOTIFY_BODY should be event or text"),
    ],
)
def test_an_invalid_setting_is_rejected(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        Notifications.from_environment({f"SUNSHINE_KEYS_{name}": value for name, value in variables.items()})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (Notifications("https://user:password@example.com:8443/token?a=b"), "https://example.com:8443"),
        (Notifications("http://[::1]/token"), "http://[::1]"),
        (Notifications(command="/usr/bin/mail -s 'a secret'"), "the command /usr/bin/mail"),
    ],
)
def test_messages_show_no_part_of_a_target_that_may_be_secret(settings: Notifications, place: str) -> None:
    assert settings.place == place
    assert "secret" not in repr(settings)
    assert "token" not in repr(settings)
