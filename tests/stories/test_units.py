"""The units of deploy/systemd, read by systemd's own tool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import NOTIFIER

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
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
