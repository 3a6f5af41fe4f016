#!/usr/bin/env bash
# Makes a package: package-client.sh --client NAME --version vX.Y.Z [--output DIR]
# The same as: consign package
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

consign=${CONSIGN:-}
if [[ -z $consign ]]; then
  consign=$(type -P consign) || consign=
fi
for built in "$root"/../../target/{release,debug}/consign; do
  if [[ -z $consign && -x $built ]]; then
    consign=$built
  fi
done
if [[ -z $consign ]]; then
  printf '[ERROR] %s\n' \
    "consign not found: not in \$CONSIGN, not on PATH and not built in this checkout" \
    "Install it, or build it with: cargo build --release" >&2
  exit 2
fi

export CONSIGN_ROOT=$root
exec "$consign" package "$@"
