from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailsync.config.load import load_config
from mailsync.config.models import Config
from mailsync.config.paths import config_path, data_dir
from mailsync.errors import ConfigError

WORK = '[accounts.work]\nemail = "me@example.com"\nhost = "imap.example.com"\n'


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def loaded(folder: Path, text: str) -> Config:
    return load_config(written(folder, text))


def refused(folder: Path, text: str) -> str:
    """The whole error, without the folder, as `message | hint`."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return f"{caught.value} | {caught.value.hint}".replace(f"{folder}/", "")


def test_a_small_account_is_completed(tmp_path: Path) -> None:
    account = loaded(tmp_path, '[general]\nsync_interval = "90s"\n' + WORK).accounts["work"]
    assert (account.host, account.port, account.security, account.username) == (
        "imap.example.com",
        993,
        "tls",
        "me@example.com",
    )
    assert (account.watch, account.max_connections, account.sync_interval) == (["INBOX"], 4, 90.0)
    assert (account.folders.include, account.folders.exclude) == (["*"], [])


def test_an_account_keeps_its_own_interval(tmp_path: Path) -> None:
    config = loaded(tmp_path, '[general]\nsync_interval = "90s"\n' + WORK + 'sync_interval = "1h30m"\n')
    assert config.accounts["work"].sync_interval == 5400


def test_what_is_left_out_and_how_the_line_is_used(tmp_path: Path) -> None:
    text = WORK + 'compress = true\nmessages = { newer_than = "2y", max_size = "50MB", skip_query = "larger:1M" }'
    account = loaded(tmp_path, text).accounts["work"]
    limits = account.messages
    assert account.compress is True
    assert (limits.newer_than, limits.max_size, limits.skip_query) == (2 * 365 * 86400, 50_000_000, "larger:1M")


@pytest.mark.parametrize(
    ("keys", "host", "port", "security", "username"),
    [
        ('provider = "gmail"\nemail = "a@gmail.com"', "imap.gmail.com", 993, "tls", "a@gmail.com"),
        ('provider = "icloud"\nemail = "a@me.com"', "imap.mail.me.com", 993, "tls", "a"),
        ('provider = "gmx"\nemail = "a@GMX.com"', "imap.gmx.com", 993, "tls", "a@GMX.com"),
        ('provider = "gmx"\nemail = "a@gmx.de"', "imap.gmx.net", 993, "tls", "a@gmx.de"),
        ('provider = "proton"\nemail = "a@pm.me"', "127.0.0.1", 1143, "starttls", "a@pm.me"),
        ('provider = "proton"\nemail = "a@pm.me"\nport = 2000', "127.0.0.1", 2000, "starttls", "a@pm.me"),
        ('provider = "yahoo"\nemail = "a@y.com"\nhost = "h"', "h", 993, "tls", "a@y.com"),
        ('email = "a@b"\nhost = "h"\nsecurity = "starttls"', "h", 143, "starttls", "a@b"),
        ('username = "u"\nhost = "::1"\nsecurity = "none"', "::1", 143, "none", "u"),
    ],
)
def test_what_providers_and_security_fill(
    tmp_path: Path, keys: str, host: str, port: int, security: str, username: str
) -> None:
    account = loaded(tmp_path, f"[accounts.a]\n{keys}\n").accounts["a"]
    assert (account.host, account.port, account.security, account.username) == (host, port, security, username)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[accounts.work]\nhots = "x"', "config.toml:2: unknown key accounts.work.hots; did you mean host? |"),
        (WORK + "[accounts.work.folders]\nexlude = []", "config.toml:5: unknown key accounts.work.folders.exlude; did"),
        (
            WORK + "folders.exlude = []",
            "config.toml:4: unknown key accounts.work.folders.exlude; did you mean exclude?",
        ),
        ("\n[generall]", "config.toml:2: unknown key generall; did you mean general? |"),
        (WORK + 'password = "geheim"', "config.toml:4: unknown key accounts.work.password | passwords stay out of"),
        (WORK + 'port = "993"', "config.toml:4: accounts.work.port: must be a whole number without quotes"),
        (WORK + "port = 0", "config.toml:4: accounts.work.port: must be at least 1 |"),
        (WORK + "port = 65536", "config.toml:4: accounts.work.port: must be at most 65535"),
        (WORK + 'security = "ssl"', 'config.toml:4: accounts.work.security: must be "tls", "starttls" or "none" |'),
        (WORK + 'compress = "yes"', 'config.toml:4: accounts.work.compress: must be "auto", true or false |'),
        (WORK + 'watch = "INBOX"', 'config.toml:4: accounts.work.watch: must be a list such as ["a", "b"]'),
        (WORK + 'watch = [\n"a",\n3]', "config.toml:6: accounts.work.watch[1]: must be a text in quotes"),
        (WORK + 'allow_insecure = "no"', "config.toml:4: accounts.work.allow_insecure: must be true or false"),
        (WORK + 'sync_interval = "5 min"', 'config.toml:4: accounts.work.sync_interval: "5 min" is not a duration'),
        (WORK + 'sync_interval = "0"', "config.toml:4: accounts.work.sync_interval: must be at least 1 |"),
        (WORK + "sync_interval = true", "config.toml:4: accounts.work.sync_interval: must be a duration such as"),
        ('[general]\nsync_interval = "{0}{name}"', 'config.toml:2: general.sync_interval: "{0}{name}" is not'),
        ("accounts = 3", "config.toml:1: accounts: must be a table"),
        ("[accounts]\nwork = 3", "config.toml:2: accounts.work: must be a table"),
        ('[accounts.work]\nemail = "a@b"', "config.toml:1: accounts.work.host is missing | set host ="),
        ('[accounts.work]\nhost = "h"', "config.toml:1: accounts.work.email is missing | set email ="),
        ('[accounts.work]\nhost = "imaps://h"\nemail = "a@b"', "config.toml:2: accounts.work.host: not a host name"),
        ('[accounts.token-key]\nhost = "h"\nemail = "a@b"', "config.toml:1: accounts.token-key: not an account name"),
        ('[accounts."my mail"]\nhost = "h"\nemail = "a@b"', 'config.toml:1: accounts."my mail": not an account name'),
        (WORK + 'security = "none"', 'config.toml:4: accounts.work.security: "none" is for this machine only'),
        (WORK + 'tls_ca_file = "no.pem"', "config.toml:4: accounts.work.tls_ca_file: no such file: no.pem"),
        (WORK + 'auth = "oauth2"', "config.toml:1: accounts.work.oauth.client_id is missing | register a desktop"),
        (
            WORK + 'auth = "oauth2"\noauth.client_id = "x"',
            "config.toml:5: accounts.work.oauth.issuer is missing | set issuer =",
        ),
        (
            WORK + 'auth = "oauth2"\noauth = {client_id = "x", issuer = "http://login.example.com"}',
            "config.toml:5: accounts.work.oauth.issuer: must be an https:// address",
        ),
        (
            WORK + 'auth = "oauth2"\noauth_command = ["x"]\npassword_command = ["x"]',
            'config.toml:6: accounts.work.password_command: auth is "oauth2"',
        ),
        (
            WORK + 'oauth_command = ["x"]',
            'config.toml:4: accounts.work.oauth_command is for auth = "oauth2"',
        ),
        (
            '[accounts.work]\nprovider = "outlook"\nauth = "password"\nemail = "a@outlook.com"',
            "config.toml:3: accounts.work.auth: outlook accepts no password any more",
        ),
        (
            WORK + "messages.newer_than = 2025-01-01",
            "config.toml:4: accounts.work.messages.newer_than: must be a duration",
        ),
        (WORK + 'messages.max_size = "big"', "config.toml:4: accounts.work.messages.max_size"),
        (WORK + 'oauth.scopes = ["a"]', 'config.toml:4: accounts.work.oauth.scopes is for auth = "oauth2"'),
        ('[http]\nlisten = "127.0.0.1:1"', "config.toml:2: http.listen: the HTTP interface is not supported by this"),
        ('\n[[sinks]]\nname = "x"\ntype = "redis"', "config.toml:2: sinks: delivery to other systems is not supported"),
        ("a = ", "config.toml:1:5: Invalid value | texts stand in quotes"),
        ('x = """', "config.toml:1:8: "),
        ("a = 1\na = 2", "config.toml:2:6: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "config.toml:"),
    ],
)
def test_errors_say_where_and_what(tmp_path: Path, text: str, expected: str) -> None:
    message = refused(tmp_path, text)
    assert message.startswith(expected), message
    assert "geheim" not in message


def test_the_first_line_is_reported_first(tmp_path: Path) -> None:
    message = refused(tmp_path, "[accounts.a]\nzzz = 1\n" + WORK + "port = true\n[http]\nx = 1")
    assert message.startswith("config.toml:2: unknown key accounts.a.zzz")
    assert message.endswith("2 more to fix after this one")


def test_a_hostile_error_text_is_not_expanded(tmp_path: Path) -> None:
    assert "unknown key" in refused(tmp_path, '"{0}\\u001b[31m" = 1')
    assert "\x1b" not in refused(tmp_path, '"{0}\\u001b[31m" = 1')


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\n[general]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=":3: not UTF-8"):
        load_config(path)


def test_too_large(tmp_path: Path) -> None:
    assert "larger than" in refused(tmp_path, "#" * 2_000_000)


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[general]\r\n\r\nx = 1\r\n")
    with pytest.raises(ConfigError, match=r"config\.toml:3: unknown key general\.x"):
        load_config(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration at") as caught:
        load_config(tmp_path / "config.toml")
    assert "[accounts.work]" in caught.value.hint
    assert load_config(tmp_path / "config.toml", missing_ok=True).accounts == {}


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path, missing_ok=True)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_runs_commands_is_writable_by_its_owner_only(tmp_path: Path, mode: int) -> None:
    load_config(written(tmp_path, WORK, mode))
    with pytest.raises(ConfigError, match="writable by others"):
        load_config(written(tmp_path, WORK + 'password_command = ["pass"]\n', mode))
    load_config(written(tmp_path, WORK + 'password_command = ["pass"]\n', 0o644))


def test_a_file_that_runs_commands_belongs_to_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, WORK + 'password_command = ["pass"]\n')
    me = path.stat().st_uid
    if me == 0:
        os.chown(path, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        load_config(path)


def test_nobody_else_may_put_another_file_in_its_place(tmp_path: Path) -> None:
    text = WORK + 'password_command = ["pass"]\n'
    above, real, link = tmp_path / "above", tmp_path / "above" / "real", tmp_path / "link.toml"
    real.mkdir(parents=True)
    link.symlink_to(written(real, text))
    load_config(link)
    for folder, mode in ((real, 0o770), (above, 0o777), (tmp_path, 0o702)):
        folder.chmod(mode)
        with pytest.raises(ConfigError, match="is writable by others") as caught:
            load_config(link)
        assert caught.value.hint == f"run: chmod go-w {folder}"
        folder.chmod(mode | 0o1000)  # sticky, as /tmp is
        load_config(link)
        folder.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(real, 4242, -1)
        with pytest.raises(ConfigError, match="real belongs to another user"):
            load_config(link)


def test_certificates_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    account = loaded(tmp_path, WORK + 'tls_ca_file = "ca.pem"\n').accounts["work"]
    assert account.tls_ca_file == str(tmp_path / "ca.pem")


def test_plain_text_to_another_host_needs_a_clear_word(tmp_path: Path) -> None:
    account = loaded(tmp_path, WORK + 'security = "none"\nallow_insecure = true\n').accounts["work"]
    assert (account.security, account.port) == ("none", 143)
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "mail.localhost"):
        loaded(tmp_path, f'[accounts.w]\nemail = "a@b"\nhost = "{host}"\nsecurity = "none"\n')
    for host in ("localhost.example.com", "0.0.0.0", "10.0.0.1", "127.0.0.1.example.com"):
        assert "for this machine only" in refused(
            tmp_path, f'[accounts.w]\nemail = "a@b"\nhost = "{host}"\nsecurity = "none"\n'
        )


def test_where_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_CONFIG", str(tmp_path / "c.toml"))
    monkeypatch.setenv("MAILSYNC_DATA_DIR", str(tmp_path / "data"))
    assert (config_path(), data_dir()) == (tmp_path / "c.toml", tmp_path / "data")
    assert config_path(Path("x.toml")) == Path.cwd() / "x.toml"
    monkeypatch.delenv("MAILSYNC_CONFIG")
    monkeypatch.setenv("MAILSYNC_DATA_DIR", "")
    assert config_path().parts[-2:] == ("mailsync", "config.toml")
    assert data_dir().name == "mailsync"


def test_a_package_that_was_chosen_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = WORK + '[pipeline]\nelements = "unstructured"\n'
    absent = {"unstructured", "en_core_web_sm"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in absent else object())
    assert refused(tmp_path, text) == (
        "config.toml:5: pipeline.elements: the package unstructured is not installed | "
        "run: pip install 'mailsync[unstructured]', or leave elements out"
    )
    absent.remove("unstructured")
    assert "spacy download en_core_web_sm" in refused(tmp_path, text)
    absent.clear()
    assert loaded(tmp_path, text).pipeline.elements == "unstructured"
