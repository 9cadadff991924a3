#!/usr/bin/env bash
# Installs from Debian what a host of servers needs (bubblewrap, gocryptfs) and what the system tests and
# the browser benchmark want (Chromium, Python, a TPM in software). Run as root. Where it was not run, what needs it is
# skipped and says so.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo "system packages are installed by root: run this with sudo" >&2
  exit 2
fi
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install bubblewrap, gocryptfs, python3 and Chromium by other means (VITRINE_CHROMIUM names it)" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap gocryptfs fuse3 python3 swtpm swtpm-tools
apt-get install -y --no-install-recommends chromium
