"""An authority of the tests' own, and certificates for 127.0.0.1 that it signed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: whom to trust, what to show, and the key."""

    authority: Path
    chain: Path
    key: Path


def make_certificate(folder: Path, days: int = 90) -> Certificate:
    """A certificate for 127.0.0.1 and localhost, and an authority that nobody else trusts."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is missing: scripts/test installs it"

    def run(*arguments: object) -> None:
        command = [openssl, *map(str, arguments)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *new_key, "-keyout", "authority.key", "-out", "authority.pem",
        "-subj", "/CN=tests", "-days", 365)  # fmt: skip
    run("req", *new_key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    run("x509", "-req", "-in", "request.pem", "-CA", "authority.pem", "-CAkey", "authority.key",
        "-CAcreateserial", "-out", "chain.pem", "-days", days, "-extfile", "names")  # fmt: skip
    return Certificate(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
