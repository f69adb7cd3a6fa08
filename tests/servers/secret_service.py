"""A real Secret Service: GNOME Keyring on a message bus of its own, with a home of its own.

`sh tests/servers/ensure.sh dbus-daemon gnome-keyring-daemon` installs both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.servers.process import Child, wait_until

Prompt = Literal["none", "hangs"]
PROMPTERS = ("org.gnome.keyring.SystemPrompter", "org.gnome.keyring.PrivatePrompter")
_UNLOCK = 'printf %s "$1" | exec gnome-keyring-daemon --foreground --components=secrets --unlock'


class SecretService:
    """A context manager; the keyring is unlocked when it begins, and `lock` begins it anew as after a login.

    `prompt` is what happens when someone is to be asked for the keyring's password: there is no screen ("none"), or a
    window that nobody sees ("hangs").
    """

    def __init__(self, prompt: Prompt = "none") -> None:
        for program in ("dbus-daemon", "gnome-keyring-daemon"):
            if shutil.which(program) is None:
                raise RuntimeError(f"these tests need {program}: sudo apt-get install dbus gnome-keyring")
        self.folder = Path(tempfile.mkdtemp(prefix="mailsync-keyring-"))  # short: the bus has a socket in it
        self._prompt = prompt
        self._bus: Child | None = None
        self._daemon: Child | None = None

    def __enter__(self) -> Self:
        for name in ("home", "run", "services"):
            (self.folder / name).mkdir(mode=0o700)
        program = "/bin/sleep 60" if self._prompt == "hangs" else "/bin/false"
        for name in PROMPTERS:
            text = f"[D-BUS Service]\nName={name}\nExec={program}\n"
            (self.folder / "services" / f"{name}.service").write_text(text)
        (self.folder / "bus.conf").write_text(
            f"<busconfig><type>session</type><listen>unix:path={self._socket}</listen>"
            f"<servicedir>{self.folder}/services</servicedir>"
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
            '<allow eavesdrop="true"/><allow own="*"/></policy>'
            "</busconfig>"
        )
        config = f"--config-file={self.folder}/bus.conf"
        self._bus = Child(["dbus-daemon", config, "--nofork"], env=self.variables, log=self.folder / "bus.log")
        try:
            wait_until(self._socket.exists, 10, "the message bus")
            self._start("sh", "-c", _UNLOCK, "sh", "the keyring's password")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _socket(self) -> Path:
        return self.folder / "bus"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a program of this desktop session."""
        home = str(self.folder / "home")
        return {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
            "HOME": home,
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_DATA_HOME": f"{home}/data",
            "XDG_CONFIG_HOME": f"{home}/config",
        }

    @property
    def prompted(self) -> bool:
        """Whether somebody was to be asked for the keyring's password."""
        return any(f"'{name}'" in (self.folder / "bus.log").read_text() for name in PROMPTERS)

    def lock(self) -> None:
        """Begin the daemon anew, without the keyring's password."""
        assert self._daemon is not None
        self._daemon.stop()
        self._start("gnome-keyring-daemon", "--foreground", "--components=secrets")

    def python(self, code: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python in this session."""
        return python(code, self.variables | more)

    def close(self) -> None:
        """End both programs, and remove what they left."""
        for child in (self._daemon, self._bus):
            if child is not None:
                child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *command: str) -> None:
        self._daemon = Child(command, env=self.variables, log=self.folder / "daemon.log")
        code = "import secretstorage as s; c = s.dbus_init(); print(s.check_service_availability(c))"
        wait_until(lambda: self.python(code).stdout == "True\n", 20, "the keyring")


def python(code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Python in an environment that knows of no keyring but what `variables` say."""
    hidden = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "PYTHON_KEYRING_BACKEND", "DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | variables, capture_output=True, text=True, timeout=60, check=False
    )
