"""The units of deploy/systemd and the compose file, read by the tools that will."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import NOTIFIER, environment

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = DEPLOY / "compose" / "compose.yaml"
# systemd's own scale goes from 0 (closed) to 10; a service without any hardening has 9.6.
EXPOSURE_MAX = 20


def _analyze(*arguments: object) -> str:
    found = shutil.which("systemd-analyze")
    assert found, "systemd-analyze is missing: it comes with systemd"
    ran = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False)
    output = ran.stdout + ran.stderr
    assert ran.returncode == 0, output
    return output


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_all_of_it(unit: Path, tmp_path: Path) -> None:
    # The program has to be there, or that is what it complains of.
    text = unit.read_text().replace("/opt/notifier/.venv/bin/notifier", str(NOTIFIER))
    here = tmp_path / unit.name
    here.write_text(text)
    said = _analyze("verify", "--man=no", here)
    assert unit.stem not in said, said


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_units_are_closed_as_far_as_can_be(unit: Path) -> None:
    _analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)


def test_compose_understands_its_file(tmp_path: Path) -> None:
    found = shutil.which("docker-compose")
    assert found, "docker-compose is missing: scripts/stories installs it"
    settings = {
        "SECRET_KEY": "a",
        "POSTGRES_PASSWORD": "b",
        "NOTIFIER_SITE": "notifier.example.org",
    }
    for left_out in (None, *settings):
        given = {name: value for name, value in settings.items() if name != left_out}
        ran = subprocess.run(
            [found, "--file", str(COMPOSE), "config", "--quiet"],
            cwd=tmp_path,
            env={**environment(), **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode == 0) is (left_out is None), ran.stderr
        if left_out:
            assert "say it in .env" in ran.stderr
