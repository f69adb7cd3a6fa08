"""What a process gives away, seen from outside: by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mailsync.privacy.files import private_file, private_folder


def told(code: str, **variables: str) -> str:
    """What a process that began as every command does prints."""
    run = subprocess.run(
        [sys.executable, "-c", f"from mailsync.privacy import hardening\nhardening.harden()\n{code}"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def test_no_core_and_no_password_for_children(tmp_path: Path) -> None:
    code = "import subprocess; subprocess.run(['sh', '-c', 'ulimit -Hc; env; : > made'])"
    made = told(f"import os; os.chdir({str(tmp_path)!r})\n{code}", MAILSYNC_PASSWORD_WORK="geheim", OTHER="kept")
    assert made.startswith("0\n")
    assert "OTHER=kept" in made
    assert "geheim" not in made
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def test_a_process_with_secrets_is_closed_to_others_of_the_user() -> None:
    code = "import os\nprint(os.stat('/proc/self/mem').st_uid, ctypes.CDLL(None).prctl(3))"
    open_ = told(f"import ctypes\n{code}")
    sealed = told(f"import ctypes\nhardening.seal()\n{code}")
    if sys.platform.startswith("linux"):
        assert (open_, sealed) == (f"{os.geteuid()} 1\n", "0 0\n")


def test_what_is_there_is_closed_to_others(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    assert not private_folder(folder)
    for mode in (0o755, 0o710):
        folder.chmod(mode)
        assert private_folder(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    private_file(file)
    file.touch()
    file.chmod(0o644)
    private_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
