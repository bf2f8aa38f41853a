# Functions that run, test and .ci/run share; sourced by bash. Everything they print goes to standard error.
# shellcheck shell=bash

# The repository's root; the caller's folder does not matter.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")

packages_to_build=(g++ cmake ninja-build ccache mold pkg-config libboost1.81-dev librocksdb-dev libfmt-dev
  libisal-dev libspdlog-dev nlohmann-json3-dev libcli11-dev libssl-dev libpcre2-dev)
packages_to_test=(libgtest-dev libgmock-dev libbenchmark-dev python3 python3-venv strace valgrind)
packages_to_tidy=(clang-16 clang-tidy-16 clang-format-16 python3 git)

say() { printf '%s\n' "$*" >&2; }

# install_packages PACKAGE…: installs those that are missing; does nothing, and needs no network, if none is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "installing ${missing[*]}"
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      say "these Debian packages are missing, and there is no sudo to install them: ${missing[*]}"
      return 1
    fi
    as_root=(sudo)
  fi
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  # Without package lists, or with old ones, the first try fails.
  "${install[@]}" >&2 </dev/null || { "${as_root[@]}" apt-get update -q >&2 </dev/null && "${install[@]}" >&2 </dev/null; }
}

# configure PRESET [CMAKE-OPTION…]
configure() {
  local preset=$1
  shift
  (cd "$root" && cmake --preset "$preset" "$@") >&2
}

# build PRESET [NINJA-ARGUMENT…]: at low priority, so that a machine in use stays usable.
build() {
  local preset=$1
  shift
  (cd "$root" && nice ninja -C "build/$preset" "$@") >&2
}

# One line per file that the program is built from: name, size, time of change. Equal lines, equal program.
sources() {
  (cd "$root" && find CMakeLists.txt CMakePresets.json cmake amqp storage broker management \
    -name node_modules -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort)
}
