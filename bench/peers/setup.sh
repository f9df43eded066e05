#!/usr/bin/env bash
# Makes a Python environment with the pinned frameworks: setup.sh [FOLDER], by default .venv beside this script.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${1:-$here/.venv}
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet -r "$here/requirements.txt"
echo "$venv/bin/python"
