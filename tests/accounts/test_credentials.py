from __future__ import annotations

import sys
import time

import keyring
import keyring.errors
import pytest

from mailsync.accounts import credentials
from mailsync.config.models import AccountConfig
from mailsync.errors import CredentialMissing


def account(*command: str) -> AccountConfig:
    return AccountConfig(host="h", username="u", password_command=list(command))


def python(code: str) -> AccountConfig:
    return account(sys.executable, "-c", code)


def refusal(config: AccountConfig) -> CredentialMissing:
    with pytest.raises(CredentialMissing) as caught:
        credentials.password_for("work", config)
    error = caught.value
    assert error.exit_code == 3
    assert error.hint
    assert "geheim" not in f"{error} {error.hint} {error.__cause__}"
    return error


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILSYNC_PASSWORD_WORK", raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: None)


@pytest.mark.parametrize("output", ["geheim\\n", "geheim", "geheim\\r\\nuser: me\\n"])
def test_the_first_line_of_the_command(output: str) -> None:
    assert credentials.password_for("work", python(f"print('{output}', end='')")) == "geheim"


def test_spaces_and_other_scripts_belong_to_the_password() -> None:
    config = python("import sys; sys.stdout.buffer.write(' gehéim 子 \\n'.encode())")
    assert credentials.password_for("work", config) == " gehéim 子 "


def test_no_shell_is_involved() -> None:
    config = account(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; echo `x`")
    assert credentials.password_for("work", config) == "$HOME; echo `x`"


def test_stderr_is_passed_through_unless_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    config = python("import sys; print('touch the key', file=sys.stderr); print('geheim')")
    credentials.password_for("work", config)
    assert capfd.readouterr().err == "touch the key\n"
    credentials.password_for("work", config, quiet=True)
    assert capfd.readouterr().err == ""


def test_a_failing_command_is_named_but_not_its_output() -> None:
    error = refusal(python("print('geheim'); raise SystemExit(7)"))
    assert str(error).endswith("exited with 7")
    assert "password_command" in str(error)


def test_other_ways_a_command_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in str(refusal(account("/nonexistent/pass", "geheim")))
    assert "printed no password" in str(refusal(python("print()")))
    assert "printed no UTF-8" in str(refusal(python("import sys; sys.stdout.buffer.write(b'\\xff')")))
    assert "killed by signal 9" in str(refusal(python("import os; os.kill(os.getpid(), 9)")))
    monkeypatch.setattr(credentials, "COMMAND_SECONDS", 0.3)
    start = time.monotonic()
    assert "did not end" in str(refusal(python("import time; print('geheim', flush=True); time.sleep(20)")))
    assert time.monotonic() - start < 5


def test_the_command_is_the_only_source_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "other")
    assert "printed no password" in str(refusal(python("")))


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials.variable("my-mail_2") == "MAILSYNC_PASSWORD_MY_MAIL_2"
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "geheim")
    assert credentials.password_for("work", account()) == "geheim"


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {("mailsync", "work"): "geheim"}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: stored.get((service, name)))
    assert credentials.password_for("work", account()) == "geheim"


def test_the_three_ways_are_told() -> None:
    error = refusal(account())
    for way in ("password_command in [accounts.work]", "MAILSYNC_PASSWORD_WORK", "keyring set mailsync work"):
        assert way in error.hint


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (keyring.errors.KeyringLocked("geheim"), "is locked"),
        (keyring.errors.NoKeyringError("geheim"), "no usable keyring"),
        (keyring.errors.InitError("geheim"), "failed (InitError)"),
        (OSError("geheim"), "failed (OSError)"),
    ],
)
def test_a_keyring_that_fails_says_how(monkeypatch: pytest.MonkeyPatch, failure: Exception, words: str) -> None:
    def fail(service: str, name: str) -> str:
        raise failure

    monkeypatch.setattr(keyring, "get_password", fail)
    assert words in str(refusal(account()))


def test_a_keyring_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 0.1)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: time.sleep(1))
    assert "did not answer" in str(refusal(account()))
