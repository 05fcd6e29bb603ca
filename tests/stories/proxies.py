"""nginx and Caddy with the configurations of deploy/, in front of two machines' worth of doors."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.certificates import Certificate
from tests.processes import Program, environment, free_port

DEPLOY = Path(__file__).parents[2] / "deploy"


class Proxy(Program):
    """One of the two, on a port of its own, with TLS."""

    name = ""

    def __init__(
        self, folder: Path, certificate: Certificate, web: list[int], gateway: list[int]
    ) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.certificate = certificate
        self.web = web
        self.gateway = gateway

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def start(self) -> None:
        raise AssertionError("one of the kinds")


class Nginx(Proxy):
    """nginx; the example's names, ports and paths become those of the test, and nothing else."""

    name = "nginx"

    def configuration(self) -> str:
        text = (DEPLOY / "nginx" / "nginx.conf").read_text()
        changes = {
            # Whoever runs the tests runs it; and it stays where its process can be ended.
            "user www-data;": "daemon off;",
            "worker_processes auto;": "worker_processes 1;",
            "worker_rlimit_nofile 200000;": "worker_rlimit_nofile 4000;",
            "worker_connections 100000;": "worker_connections 2000;",
            "pid /run/nginx.pid;": f"pid {self.folder}/nginx.pid;",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "/var/log/nginx/": f"{self.folder}/",
        }
        for shipped, here in changes.items():
            assert shipped in text, shipped
            text = text.replace(shipped, here)
        for setting, path in (
            ("ssl_certificate", self.certificate.chain),
            ("ssl_certificate_key", self.certificate.key),
        ):
            text = re.sub(rf"{setting} \S+;", f"{setting} {path};", text)
        for shipped_port, ports in ((8000, self.web), (8001, self.gateway)):
            servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
            text = text.replace(f"server 127.0.0.1:{shipped_port};", servers)
        return text

    async def start(self) -> None:
        found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert found, "nginx is missing: scripts/stories installs it"
        file = self.folder / "nginx.conf"
        file.write_text(self.configuration())
        command = [found, "-p", str(self.folder), "-e", str(self.log), "-c", str(file)]
        await self.launch(*command, "-t", env=environment())
        assert await self.gone() == 0, self.output()
        await self.launch(*command, env=environment())


class Caddy(Proxy):
    """Caddy, with the Caddyfile as it is: what differs stands in its environment."""

    name = "caddy"

    async def start(self) -> None:
        found = shutil.which("caddy")
        assert found, "caddy is missing: scripts/stories installs it"
        # Another administration address, so that it is none of an installed one's.
        shipped = (DEPLOY / "caddy" / "Caddyfile").read_text()
        own = shipped.replace("{\n\t#", "{\n\tadmin off\n\tauto_https disable_redirects\n\t#", 1)
        file = self.folder / "Caddyfile"
        file.write_text(own)
        settings = environment() | {
            "NOTIFIER_SITE": self.url,
            "NOTIFIER_TLS": f"tls {self.certificate.chain} {self.certificate.key}",
            "NOTIFIER_WEB": " ".join(f"127.0.0.1:{port}" for port in self.web),
            "NOTIFIER_GATEWAY": " ".join(f"127.0.0.1:{port}" for port in self.gateway),
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
        }
        which = ("--config", str(file), "--adapter", "caddyfile")
        await self.launch(found, "validate", *which, env=settings)
        assert await self.gone() == 0, self.output()
        await self.launch(found, "run", *which, env=settings)


KINDS: dict[str, type[Proxy]] = {"nginx": Nginx, "caddy": Caddy}
