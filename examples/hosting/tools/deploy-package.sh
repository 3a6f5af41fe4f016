#!/usr/bin/env bash
# Deploys a package: deploy-package.sh --package DIR [--context C] [--dry-run]
# [--skip-verify] [--force]
# The same as: consign deploy
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

consign=${CONSIGN:-}
if [[ -z $consign ]]; then
  consign=$(type -P consign) || consign=
fi
if [[ -z $consign ]]; then
  printf '[ERROR] %s\n' \
    "consign not found: neither in \$CONSIGN nor on PATH" \
    "Install it, or let \$CONSIGN name the program" >&2
  exit 2
fi

export CONSIGN_ROOT=$root
exec "$consign" deploy "$@"
