#!/bin/sh
# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
# Runs the harness of this package on this machine.
#   ./run.sh [-o REPORT.json] [harness flags, such as --threads 4 --runs 100]
# Exit codes are the harness's: 0 done; 1 parity failed; 2 usage; 3 input refused; 4 unsupported.
set -u
report=report.json
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then sed -n '4,6s/^# \{0,1\}//p' "$0"; exit 0; fi
if [ "${1:-}" = -o ] && [ $# -ge 2 ]; then report=$2; shift 2; fi
case $report in /*) ;; *) report=$(pwd)/$report ;; esac
cd "$(dirname "$0")" || exit 3
exec ./@ABI@/mdeploy-harness @ARGUMENTS@ --report "$report" "$@"
