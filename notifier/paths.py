"""Where the files that are not code lie, in a checkout and in an installed wheel alike.

It must never read the files themselves, nor guess at run time from the working directory.
"""

from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _data(name: str) -> Path:
    """A folder that is inside the package in a wheel, and beside it in a checkout."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def _bootstrap() -> Path:
    """Bootstrap's own files, from the wheel that carries them.

    The wheel is a Flask extension that we never import: `find_spec` on a top-level name only looks.
    """
    spec = find_spec("flask_bootstrap")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("Bootstrap is not installed: install the package bootstrap-flask.")
    return Path(spec.origin).parent / "static" / "bootstrap5"


TEMPLATES = _data("templates")
STATIC = _data("static")
MIGRATIONS = _PACKAGE / "migrations"
TRANSLATIONS = _PACKAGE / "translations"
BOOTSTRAP = _bootstrap()
