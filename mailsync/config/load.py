"""From a file to a `Config`, or to one error that says where and what."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.config.paths import exposed
from mailsync.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from mailsync.config.checks import Problem
    from mailsync.config.models import AccountConfig, Config

LARGEST = 1 << 20
"""Bytes. A configuration is a few kilobytes; more is some other file."""
_SECRETS = re.compile(r"pass(word|wd|phrase)?|secret|token", re.IGNORECASE)


def load_config(path: Path, *, missing_ok: bool = False) -> Config:
    """Read and check config.toml; with `missing_ok`, a file that is not there is a configuration without accounts.

    Raises ConfigError with file, line and key. A file that names commands must belong to the user (or to root) and be
    writable by nobody else, nor may its folders, since whoever writes it runs programs as the user.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        if missing_ok:
            return check_config(path, b"")
        raise ConfigError(f"no configuration at {path}", hint=how_to_write(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    config = check_config(path, data)
    check_owner(path, config, status)
    return config


def check_config(path: Path, data: bytes) -> Config:
    """What `data` would mean as the content of the file at `path`; ConfigError as `load_config` raises it."""
    from mailsync.config import checks
    from mailsync.config.models import Config

    text, raw = _parse(path, data)
    raw = _absolute(raw, path.absolute().parent)
    try:
        config = Config.model_validate(raw)
    except ValueError as error:
        raise _first(path, text, _shape_problems(error)) from None
    found = list(checks.problems(config))
    if found:
        raise _first(path, text, found)
    return config


def how_to_write(path: Path) -> str:
    """The hint for someone without a configuration."""
    return f"run: mailsync account add; or write [accounts.work] in {path}, config.example.toml shows every key"


def _parse(path: Path, data: bytes) -> tuple[str, dict[str, Any]]:
    if len(data) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None
    text = text.replace("\r\n", "\n")
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.fullmatch(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
        if place is None:
            raise ConfigError(f"{path}: {error}") from None
        last = text.rpartition("\n")[2]
        at = f"{place[2]}:{place[3]}" if place[2] else f"{text.count(chr(10)) + 1}:{len(last) + 1}"
        hint = 'texts stand in quotes: host = "imap.example.com"' if place[1] == "Invalid value" else ""
        raise ConfigError(f"{path}:{at}: {place[1]}", hint=hint) from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def _absolute(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """File names relative to the configuration's folder, `~` resolved."""
    accounts = raw.get("accounts")
    for account in accounts.values() if isinstance(accounts, dict) else ():
        name = account.get("tls_ca_file") if isinstance(account, dict) else None
        if isinstance(name, str) and name:
            account["tls_ca_file"] = str(folder / Path(name).expanduser())
    return raw


def _commands(account: AccountConfig) -> bool:
    return bool(account.password_command or account.oauth_command or account.oauth.client_secret_command)


def check_owner(path: Path, config: Config, status: os.stat_result) -> None:
    """ConfigError where `config` names commands and a file of this owner and mode may be written by others."""
    if not hasattr(os, "geteuid") or not any(map(_commands, config.accounts.values())):
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path} names commands and belongs to another user", hint=f"make it yours: chown $USER {path}"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{path} names commands and is writable by others", hint=f"run: chmod go-w {path}")
    if (found := exposed(path)) is not None:
        problem, hint = found
        raise ConfigError(f"{path} names commands, and {problem}", hint=hint)


def _first(path: Path, text: str, found: list[Problem]) -> ConfigError:
    from mailsync.config.lines import key_lines, line_of

    lines = key_lines(text)
    placed = sorted(((line_of(lines, p.path) or 1 << 30, p) for p in found), key=lambda pair: pair[0])
    line, problem = placed[0]
    where = f"{path}:{line}" if line < 1 << 30 else str(path)
    name = dotted(problem.path)
    message = f"{problem.before}{name}{problem.message}"
    more = len({problem.path for problem in found}) - 1
    hint = problem.hint
    if more:
        hint = "; ".join(filter(None, [hint, f"{more} more to fix after this one"]))
    return ConfigError(f"{where}: {message}", hint=hint)


def dotted(path: tuple[str | int, ...]) -> str:
    """A path of keys as TOML would write it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if plain else '"' + ascii(part)[1:-1].replace('"', '\\"') + '"')
    return text


def _shape_problems(error: ValueError) -> list[Problem]:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        raise error
    return _explained(error)


def _explained(error: ValidationError) -> list[Problem]:
    from mailsync.config.checks import Problem

    found = []
    for detail in error.errors(include_url=False, include_input=False):
        kind, context = detail["type"], detail.get("ctx", {})
        path = tuple(part for part in detail["loc"] if part not in ("literal['auto']", "bool"))
        before, hint = "", ""
        if kind == "extra_forbidden":
            before = "unknown key "
            message, hint = _nearest(path)
        elif kind == "value_error":
            message = f": {context['error']}"
        elif kind == "literal_error" or path != detail["loc"]:
            expected = '"auto", true or false' if path != detail["loc"] else context["expected"].replace("'", '"')
            message = f": must be {expected}"
        else:
            message = f": {_SENTENCES.get(kind, detail['msg'][:1].lower() + detail['msg'][1:]).format(**context)}"
        found.append(Problem(path, message, hint, before))
    return found


_SENTENCES = {
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number without quotes",
    "bool_type": "must be true or false",
    "list_type": 'must be a list such as ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_long": "is longer than {max_length} characters",
}


def _nearest(path: tuple[str | int, ...]) -> tuple[str, str]:
    """What to add to the message about an unknown key, and the hint: the nearest known one, or what to do instead."""
    key = str(path[-1])
    fields = _fields(path[:-1])
    if "password_command" in fields and _SECRETS.fullmatch(key):
        return "", "passwords stay out of this file: use password_command, the environment or the keyring"
    near = get_close_matches(key.lower().replace("-", "_"), fields, n=1, cutoff=0.5)
    return (f"; did you mean {near[0]}?" if near else "", f"known here: {', '.join(sorted(fields))}" if fields else "")


def _fields(path: tuple[str | int, ...]) -> list[str]:
    """The known keys of the table at `path`."""
    from pydantic import BaseModel

    from mailsync.config.models import AccountConfig, Config

    model: type[BaseModel] = Config
    for number, part in enumerate(path):
        if path[0] == "accounts" and number < 2:
            model = AccountConfig
            continue
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)
