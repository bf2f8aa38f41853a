# shellcheck shell=bash
# For the suites that are Python: tests with real clients.

# python_environment FOLDER: installs FOLDER/requirements.txt into a virtual environment below build/, made anew when
# that file changes, and prints where it is.
python_environment() {
  local folder=$1 build python=${PYTHON:-python3} digest environment
  build=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build
  digest=$( (cat "$folder/requirements.txt"; "$python" --version) | sha256sum | cut -c1-16)
  environment=$build/$(basename "$folder")/python-$digest
  if [[ ! -e $environment/complete ]]; then
    echo "$(basename "$folder"): installing Python packages into $environment" >&2
    rm -rf "$environment"
    "$python" -m venv "$environment" >&2
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps \
      --requirement "$folder/requirements.txt" >&2
    "$environment/bin/pip" check --disable-pip-version-check >&2
    touch "$environment/complete"
  fi
  echo "$environment"
}

# run_pytest ENVIRONMENT FOLDER ARGUMENT…: the last line is `N passed, N failed`; the status is pytest's.
run_pytest() {
  local environment=$1 folder=$2 summary status=0
  shift 2
  # A caller's Python settings must not change which packages the tests and their programs see.
  unset PYTHONPATH PYTHONHOME
  export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
  summary=$(mktemp)
  export LEPUS_TEST_SUMMARY=$summary
  (cd "$folder" && "$environment/bin/python" -m pytest "$@") || status=$?
  if [[ -s $summary ]]; then
    cat "$summary"
  else
    echo "0 passed, 1 failed"
    [[ $status -ne 0 ]] || status=1
  fi
  rm -f "$summary"
  return "$status"
}
