"""What an account signs in with: which source is asked, and how each fails."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from mailsync.accounts import command
from mailsync.accounts.credentials import credential_for
from mailsync.accounts.vault import Vault
from mailsync.config.models import AccountConfig
from mailsync.errors import CredentialMissing, Interrupted, SecretsUnavailable
from mailsync.privacy import environment
from mailsync.privacy.secret import Bearer, Password
from tests.servers.process import wait_until

VAULT = Vault(Path("/nonexistent"), "file")


def account(*words: str) -> AccountConfig:
    return AccountConfig(host="h", username="u", password_command=list(words))


def python(code: str) -> AccountConfig:
    return account(sys.executable, "-c", code)


def password(config: AccountConfig, vault: Vault = VAULT) -> str:
    found = credential_for("work", config, vault)
    assert isinstance(found, Password)
    return found.text


def refusal(config: AccountConfig, vault: Vault = VAULT) -> CredentialMissing:
    with pytest.raises(CredentialMissing) as caught:
        credential_for("work", config, vault)
    error = caught.value
    assert error.exit_code == 3
    assert error.hint
    assert "geheim" not in "".join(traceback.format_exception(error)) + error.hint
    return error


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILSYNC_PASSWORD_WORK", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(environment, "_taken", {})


@pytest.mark.parametrize("output", ["geheim\\n", "geheim", "geheim\\r\\nuser: me\\n"])
def test_the_first_line_of_the_command(output: str) -> None:
    assert password(python(f"print('{output}', end='')")) == "geheim"


def test_spaces_and_other_scripts_belong_to_the_password() -> None:
    config = python("import sys; sys.stdout.buffer.write(' gehéim 子 \\n'.encode())")
    assert password(config) == " gehéim 子 "


def test_no_shell_is_involved() -> None:
    config = account(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; echo `x`")
    assert password(config) == "$HOME; echo `x`"


def test_stderr_is_passed_through_unless_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    config = python("import sys; print('touch the key', file=sys.stderr); print('geheim')")
    password(config)
    assert capfd.readouterr().err == "touch the key\n"
    credential_for("work", config, VAULT, quiet=True)
    assert capfd.readouterr().err == ""


def test_a_failing_command_is_named_but_not_its_output() -> None:
    error = refusal(python("print('geheim'); raise SystemExit(7)"))
    assert str(error).endswith("exited with 7")
    assert "password_command" in str(error)


def test_other_ways_a_command_fails() -> None:
    assert "No such file" in str(refusal(account("/nonexistent/pass", "geheim")))
    assert "printed nothing" in str(refusal(python("print()")))
    assert "printed no UTF-8" in str(refusal(python("import sys; sys.stdout.buffer.write(b'\\xff')")))
    assert "killed by signal 9" in str(refusal(python("import os; os.kill(os.getpid(), 9)")))


def test_at_the_time_out_everything_it_started_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child"
    monkeypatch.setattr(command, "SECONDS", 0.5)
    start = time.monotonic()
    code = f"echo geheim; sleep 20 & echo $! > {child}; wait"
    assert "did not end within 0.5 s" in str(refusal(account("sh", "-c", code)))
    assert time.monotonic() - start < 5
    wait_until(lambda: _gone(int(child.read_text())), 2, "end of the child")


def test_whoever_waits_can_be_let_go() -> None:
    threading.Timer(0.2, command.stop_all).start()
    start = time.monotonic()
    with pytest.raises(Interrupted):
        credential_for("work", account("sleep", "20"), VAULT)
    assert time.monotonic() - start < 5


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_the_command_is_the_only_source_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "other")
    assert "printed nothing" in str(refusal(python("")))


def test_the_environment_from_which_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.variable("my-mail_2") == "MAILSYNC_PASSWORD_MY_MAIL_2"
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "geheim")
    monkeypatch.setenv("MAILSYNC_PASSWORD_PLAY", "geheim")
    code = "import os; print([n for n in os.environ if 'PASSWORD' in n], os.environ['PATH'])"
    assert password(python(code)) == f"[] {os.environ['PATH']}"
    environment.take()
    assert "geheim" not in os.environ.values()
    assert password(account()) == "geheim"


def test_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "no password is known" in str(refusal(account()))
    given = tmp_path / "mailsync.work"
    given.write_bytes("gehéim\n".encode())
    assert password(account()) == "gehéim"
    given.write_bytes(b"geheim\xff")
    assert "is not UTF-8" in str(refusal(account()))
    given.unlink()
    given.mkdir()
    assert "cannot be read" in str(refusal(account()))


def test_the_vault_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(tmp_path, "file")
    for kept in ("kept", "kept\n"):  # the second by an editor
        vault.store_password("work", kept)
        assert password(account(), vault) == "kept"
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "given")
    assert password(account(), vault) == "given"


def test_the_ways_are_told(tmp_path: Path) -> None:
    hint = refusal(account()).hint
    for way in ("password_command in [accounts.work]", "MAILSYNC_PASSWORD_WORK", "work.password (chmod 600)"):
        assert way in hint
    (tmp_path / "work.password").write_text("geheim")
    (tmp_path / "work.password").chmod(0o644)
    error = refusal(account(), Vault(tmp_path, "file"))
    assert isinstance(error, SecretsUnavailable)
    assert str(error).startswith("work: ")


def test_an_access_token_by_command() -> None:
    config = AccountConfig(
        host="h", username="u", auth="oauth2", oauth_command=[sys.executable, "-c", "print('geheim')"]
    )
    assert credential_for("work", config, VAULT) == Bearer("geheim", None)
    config.oauth_command[2] += "; raise SystemExit(7)"
    assert "oauth_command" in str(refusal(config))
