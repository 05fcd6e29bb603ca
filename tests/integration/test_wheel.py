"""The wheel stands on its own: templates, static files and migrations are inside it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.processes import environment

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git would hand to somebody, so that no leftover of a build is taken along."""
    source = tmp_path_factory.mktemp("source")
    files = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT
    )
    for name in files.decode().split("\0"):
        if (CHECKOUT / name).is_file():
            copy = source / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((CHECKOUT / name).read_bytes())
    folder = tmp_path_factory.mktemp("wheel")
    options = [
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        str(folder),
        str(source),
    ]
    subprocess.check_call([sys.executable, "-m", "pip", "wheel", *options])
    return next(folder.glob("notifier-*.whl"))


def test_everything_that_is_no_code_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static"):
        files = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert f"notifier/{path.relative_to(CHECKOUT).as_posix()}" in inside
    for path in (CHECKOUT / "notifier").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(CHECKOUT).as_posix() in inside
    assert not [name for name in inside if name.startswith(("tests/", "scripts/"))]


def test_the_installed_command_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    env = environment(
        SECRET_KEY="only for the tests, and long enough",
        DATABASE_URL=f"sqlite:///{tmp_path}/notifier.db",
        PYTHONPATH=tmp_path / "installed",
    )

    def run(*command: str) -> str:
        return subprocess.check_output([sys.executable, *command], cwd=tmp_path, env=env, text=True)

    found = run("-c", "import notifier.paths as p; print(p.__file__, p.TEMPLATES, p.STATIC)")
    assert found.count(str(tmp_path / "installed")) == 3, "the precondition: not the checkout's"
    run("-m", "notifier", "migrate")
    assert (tmp_path / "notifier.db").exists()
    run("-m", "notifier", "seed")
