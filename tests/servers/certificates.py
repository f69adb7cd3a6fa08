"""A certificate authority and a server certificate for 127.0.0.1, made by the openssl program in a few milliseconds."""

from __future__ import annotations

import subprocess
from pathlib import Path

DAYS = "30"


def make(directory: Path, *, host: str = "localhost", address: str = "127.0.0.1", days: str = DAYS) -> None:
    """Write ca.pem, ca.key, server.pem and server.key; the server's names are `host` and `address`.

    Its certificate is good for so many `days`; "-1" makes one that has expired.
    """
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        directory,
        *("req", "-x509", *key, "-days", DAYS, "-subj", "/CN=mailsync test authority"),
        *("-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem"),
    )
    _openssl(directory, "req", *key, "-subj", f"/CN={host}", "-keyout", "server.key", "-out", "server.csr")
    (directory / "server.ext").write_text(
        f"subjectAltName=DNS:{host},IP:{address}\nextendedKeyUsage=serverAuth\n"
        "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n",
        "utf-8",
    )
    _openssl(
        directory,
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", days, "-extfile", "server.ext", "-out", "server.pem"),
    )


def _openssl(directory: Path, *arguments: str) -> None:
    run = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {run.stderr}")
