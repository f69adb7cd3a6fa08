"""config.example.toml shows every key with its default, and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mailsync.config.load import load_config
from mailsync.config.models import AccountConfig, Config

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"
INVENTED = {"accounts.work.email": "me@example.com", "accounts.work.host": "imap.example.com"}


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every key a model knows with its default, tables in tables as dotted names."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in ("accounts", "sinks"):
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys_of(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field.default
    return found


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {prefix + name: value}
    return found


def test_it_has_every_key() -> None:
    known = keys_of(Config) | keys_of(AccountConfig, "accounts.work.")
    assert set(flat(tomllib.loads(EXAMPLE.read_text("utf-8")))) == set(known)


def test_it_has_every_default(tmp_path: Path) -> None:
    copy = tmp_path / "config.toml"
    copy.write_bytes(EXAMPLE.read_bytes())
    config = load_config(copy)
    minimal = tmp_path / "minimal.toml"
    minimal.write_text('[accounts.work]\nemail = "me@example.com"\nhost = "imap.example.com"\n')
    assert config == load_config(minimal)
    written = flat(tomllib.loads(EXAMPLE.read_text("utf-8")))
    assert {key: written[key] for key in INVENTED} == INVENTED


def test_each_key_has_a_comment_and_each_field_a_docstring() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    bare = [line for line in lines if "=" in line and "#" not in line]
    assert [line.split(" =")[0] for line in bare] == ["token_command"]
    source = Path(EXAMPLE.parent / "mailsync/config/models.py").read_text("utf-8").splitlines()
    fields = [
        number for number, line in enumerate(source) if line.startswith("    ") and ": " in line and " = " in line
    ]
    assert len(fields) > 30
    for number in fields:
        name = source[number].split(":")[0].strip()
        if name.isidentifier() and name not in ("general", "store", "http", "model_config", "data", "found"):
            assert source[number + 1].strip().startswith('"""'), name
