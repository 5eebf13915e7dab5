#!/usr/bin/env bash
# The panels and notebooks on other versions of ipykernel: `make e2e-kernels`.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${1:-.venv/bin/python}
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
for version in ${KERNELS:-6.31.0 7.3.0 7.4.0}; do
    folder=.perflab/kernels/$version
    if [ ! -x "$folder/bin/python" ]; then
        "$python" -m venv "$folder"
        # Everything but ipykernel is that of the project's own environment.
        echo "$site" > "$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --ignore-installed "ipykernel==$version"
    fi
    echo "ipykernel $("$folder/bin/python" -c 'import ipykernel; print(ipykernel.__version__)')"
    PERFLAB_E2E_KERNEL=$PWD/$folder/bin/python PERFLAB_E2E_ALL=${PERFLAB_E2E_ALL-1} "$python" -m pytest -q -p no:cacheprovider \
        tests/e2e/test_panels_in_lab.py tests/e2e/test_notebooks_in_lab.py
done
