"""The system's Dovecot (2.3, as in Debian 12) as a throw-away server on loopback: own directory, own ports, own CA."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.servers import certificates
from tests.servers.imap_client import ImapClient, Message
from tests.servers.process import HOST, Child, free_ports

MailFormat = Literal["mdbox", "sdbox", "maildir"]

PLAIN_IMAP4REV1 = "IMAP4rev1 LITERAL+ UIDPLUS"
"""A capability list for a server without any shortcut: every change has to be found by looking."""
CONDSTORE_ONLY = "IMAP4rev1 LITERAL+ UIDPLUS ENABLE IDLE CONDSTORE ESEARCH NAMESPACE SPECIAL-USE"
"""A capability list with MODSEQ but neither QRESYNC nor NOTIFY."""

CONFIG = """\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
protocols = imap
listen = {host}
ssl = yes
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = {format}:~/mail:LAYOUT={layout}
mail_fsync = never
mail_max_userip_connections = 10000
mail_max_keyword_length = 200
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
{folders}}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 1000
}}
{plugins}
{extra}
"""


def program() -> str:
    """The path of the dovecot program; RuntimeError says how to get it."""
    found = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        raise RuntimeError("these tests need Dovecot: sudo apt-get install dovecot-imapd (or run `make test` as root)")
    return found


class Dovecot:
    """A context manager: `with Dovecot({"alice": "secret"}) as server: ...`.

    `users` maps names to passwords. `special_use` maps folder names to attributes such as `\\\\Sent`; these folders
    exist from the start. `capability` replaces what the server announces (and clients believe), see
    `PLAIN_IMAP4REV1` and `CONDSTORE_ONLY`. `compress` offers COMPRESS=DEFLATE. `extra` is more configuration.

    Plain IMAP with STARTTLS is on `port`, IMAPS on `tls_port`; both present a certificate for 127.0.0.1 and
    localhost that only `ca_file` vouches for. The separator is `/`. With `layout="index"` (the default) any folder
    name goes, with "fs" those that a directory can hold; "maildir" needs "fs".
    """

    host = HOST

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        mail_format: MailFormat = "mdbox",
        layout: Literal["index", "fs"] | None = None,
        special_use: Mapping[str, str] | None = None,
        capability: str | None = None,
        compress: bool = False,
        extra: str = "",
    ) -> None:
        self.users = dict(users or {"alice": "secret"})
        self.port, self.tls_port = free_ports(2)
        # Not pytest's directory: the server runs as another user, who could not reach into it, and its socket
        # paths must stay under 108 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="mailsync-dovecot-"))
        self.ca_file = self.directory / "ca.pem"
        self._child: Child | None = None
        self._mail_format = mail_format
        self._layout = layout or ("fs" if mail_format == "maildir" else "index")
        self._special_use = dict(special_use or {})
        self._capability = capability
        self._compress = compress
        self._extra = extra

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process group of the running server."""
        if self._child is None:
            raise RuntimeError("not started")
        return self._child.pid

    @property
    def log(self) -> str:
        """What the server logged so far."""
        path = self.directory / "dovecot.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def start(self) -> None:
        """Start, or start again after `stop` on the same ports with the same mail; returns when it greets."""
        if not self.ca_file.exists():
            self._prepare()
        self._child = Child(
            [program(), "-F", "-c", str(self.directory / "dovecot.conf")], log=self.directory / "stderr.log", drop=True
        )
        try:
            self._child.wait_for_greeting(self.port)
        except (RuntimeError, TimeoutError) as error:
            log = self.log
            self.close()
            raise RuntimeError(f"{error}\n{log}") from error

    def stop(self) -> None:
        """End the server and prove that none of its processes survived; its mail stays."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def close(self) -> None:
        """Stop and remove everything."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self, user: str = "") -> ImapClient:
        """Another client, signed in (as the first user unless told)."""
        name = user or next(iter(self.users))
        return ImapClient(self.port, name, self.users[name])

    def fill(self, user: str, folder: str, messages: Iterable[Message]) -> list[int]:
        """Add messages (raw, flags, date) to a folder, made when it is missing; gives their UIDs."""
        with self.client(user) as client:
            if folder.upper() != "INBOX" and folder not in client.folders():
                client.create(folder)
            return client.append_many(folder, messages)

    def doveadm(self, *arguments: str) -> str:
        """Run doveadm on this server's mail; gives what it printed."""
        run = subprocess.run(
            ["doveadm", "-c", str(self.directory / "dovecot.conf"), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(f"doveadm {' '.join(arguments)}: {run.stderr}")
        return run.stdout

    def _prepare(self) -> None:
        self.directory.chmod(0o755)
        certificates.make(self.directory)
        for name in ("run", "state", "home"):
            (self.directory / name).mkdir()
        lines = [f"{user}:{{PLAIN}}{password}\n" for user, password in self.users.items()]
        (self.directory / "users").write_text("".join(lines), "utf-8")
        user, group = _runs_as()
        (self.directory / "dovecot.conf").write_text(
            CONFIG.format(
                base=self.directory,
                host=HOST,
                user=user,
                group=group,
                format=self._mail_format,
                layout=self._layout,
                port=self.port,
                tls_port=self.tls_port,
                folders="".join(_folder(name, use) for name, use in self._special_use.items()),
                plugins="protocol imap {\n  mail_plugins = $mail_plugins zlib imap_zlib\n}\n" if self._compress else "",
                extra=(f"imap_capability = {self._capability}\n" if self._capability else "") + self._extra,
            ),
            "utf-8",
        )
        for path in (self.directory, *self.directory.rglob("*")):
            shutil.chown(path, user, group)


def version() -> str:
    """The version of the installed Dovecot, such as 2.3.19.1."""
    run = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    return run.stdout.split()[0]


def _folder(name: str, special_use: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'  mailbox "{escaped}" {{\n    auto = create\n    special_use = {special_use}\n  }}\n'


def _runs_as() -> tuple[str, str]:
    if os.geteuid() == 0:
        return "nobody", "nogroup"
    return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
