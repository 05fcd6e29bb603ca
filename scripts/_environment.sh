# Sourced by the scripts beside it: where the checkout is, which Python serves, its virtual environment.
# What is asked of it stands in functions; sourcing it only moves to the top of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Another project's environment must not leak into this one.
# (Without bytecode on disk every process that a test starts would compile the app again.)
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

mkdir -p var
log=var/install.log

fail() {
    echo "$1" >&2
    exit 1
}

find_python() { # sets $python; $PYTHON names another one
    local candidate seen=""
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            if "$python" -c 'import ensurepip, venv' 2>/dev/null; then return; fi
            seen="$python is there but cannot make virtual environments: install its venv module (on Debian: apt-get install python3-venv)."
        fi
    done
    fail "${seen:-Python 3.11 or newer is needed and was not found: install it, or name it as PYTHON=/path/to/python3.}"
}

make_environment() { # directory
    "$python" -m venv --clear "$1" >"$log" 2>&1 ||
        fail "$python could not make the virtual environment $1: $(tail -n 1 "$log")"
}

pip_install() { # directory of the environment, then pip's arguments
    local home=$1
    shift
    if "$home/bin/python" -m pip --disable-pip-version-check install --quiet --retries 2 "$@" >"$log" 2>&1; then return; fi
    if grep -qiE 'NewConnectionError|NameResolution|Failed to establish|ConnectTimeout|Network is unreachable|ProxyError|ConnectionError' "$log"; then
        fail "The package registry cannot be reached: connect to the network and try again ($log says more)."
    fi
    fail "The packages could not be installed; $log ends with: $(grep -i error "$log" | tail -n 1)"
}

stamp_of() { # what an installation depends on, as one number
    { cat "$1" setup.cfg pyproject.toml && pwd && .venv/bin/python --version; } | cksum
}

install() { # constraints.txt, or constraints-test.txt, which holds all of it and more
    local stamp=.venv/installed-$1
    if .venv/bin/python --version >/dev/null 2>&1 && [ "$(cat "$stamp" 2>/dev/null)" = "$(stamp_of "$1")" ]; then return; fi
    if ! .venv/bin/python --version >/dev/null 2>&1; then
        find_python
        echo "Making a virtual environment in .venv"
        make_environment .venv
    fi
    echo "Installing what $1 names (a minute or two the first time)"
    pip_install .venv --require-hashes -r "$1"
    # The checkout itself: nothing is fetched, and an edited file counts at once.
    pip_install .venv --no-deps --no-build-isolation --editable .
    stamp_of "$1" >"$stamp"
    # The tests' needs include the app's.
    if [ "$1" = constraints-test.txt ]; then stamp_of constraints.txt >.venv/installed-constraints.txt; fi
}

need_programs() { # each program that tests start, as the Debian package it comes in; more of them as arguments
    local missing=() extra
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v chromium >/dev/null || missing+=(chromium fonts-liberation)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
    for extra in "$@"; do command -v "$extra" >/dev/null || missing+=("$extra"); done
    if [ ${#missing[@]} -gt 0 ]; then install_packages "The tests need" "${missing[@]}"; fi
}

install_packages() { # who needs them, in words; then Debian packages
    local who=$1
    shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $*" >&2
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update && apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1 ||
            fail "apt-get could not install $*; $log ends with: $(tail -n 1 "$log")"
    else
        fail "$who $*: install them (on Debian: sudo apt-get install $*) and run this again."
    fi
}
