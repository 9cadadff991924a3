#!/usr/bin/env bash
# Installs what the system tests and the browser benchmark want from Debian: Chromium. Run as root.
# Where it was not run, what needs it is skipped and says so.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo "system packages are installed by root: run this with sudo" >&2
  exit 2
fi
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install Chromium by other means and name it in VITRINE_CHROMIUM" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends chromium
