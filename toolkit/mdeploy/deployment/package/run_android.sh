#!/bin/sh
# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
# Runs the harness of this package on an Android device over adb: pushes what is needed, runs, pulls the report, and
# removes everything again.
#   ./run.sh [-s SERIAL] [-o REPORT.json] [harness flags, such as --threads 4 --runs 100]
# Exit codes are the harness's: 0 done; 1 parity failed; 2 usage; 3 input refused; 4 unsupported; 5 no device.
set -u

fail() { echo "run.sh: $1" >&2; exit "$2"; }

report=report.json
while [ $# -gt 0 ]; do
  case $1 in
    -s) [ $# -ge 2 ] || fail "-s needs a serial" 2; ANDROID_SERIAL=$2; export ANDROID_SERIAL; shift 2 ;;
    -o) [ $# -ge 2 ] || fail "-o needs a file" 2; report=$2; shift 2 ;;
    -h|--help) sed -n '4,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) break ;;
  esac
done
case $report in /*) ;; *) report=$(pwd)/$report ;; esac

cd "$(dirname "$0")" || fail "cannot enter $(dirname "$0")" 3
command -v adb >/dev/null 2>&1 || fail "adb is not on PATH; install Android's platform-tools" 5
adb get-state >/dev/null 2>&1 ||
  fail "no device, or more than one (see adb devices; choose with -s SERIAL); USB debugging must be on" 5

abi=
for candidate in $(adb shell 'getprop ro.product.cpu.abilist; getprop ro.product.cpu.abi' | tr -d '\r' | tr ',' ' '); do
  if [ -f "$candidate/mdeploy-harness" ]; then abi=$candidate; break; fi
done
[ -n "$abi" ] || fail "this package has no harness for the device's ABIs" 5

work=/data/local/tmp/mdeploy-$$
clean() { adb shell "rm -rf $work" >/dev/null 2>&1; }
trap clean EXIT
trap 'exit 130' INT TERM

adb shell "mkdir -p $work" || fail "cannot make $work on the device" 5
for file in "$abi/mdeploy-harness" init_net.pb predict_net.pb manifest.json golden; do
  adb push "$file" "$work/" >/dev/null || fail "pushing $file failed; is the device full?" 5
done

# Arguments go through the device's shell: quote each one. The exit code is printed, since old devices do not return it.
words=
for word in "$@"; do
  words="$words '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
done
output=$(adb shell "cd $work && chmod 755 mdeploy-harness && ./mdeploy-harness @ARGUMENTS@ --report report.json$words \
  2>&1 >/dev/null; echo exit-code=\$?" | tr -d '\r')
code=$(printf '%s\n' "$output" | sed -n 's/^exit-code=//p' | tail -n 1)
printf '%s\n' "$output" | grep -v '^exit-code=' >&2
case $code in ''|*[!0-9]*) fail "the device went away" 5 ;; esac
if adb shell "test -f $work/report.json && echo there" | grep -q there; then
  adb pull "$work/report.json" "$report" >/dev/null || fail "cannot write $report" 3
  echo "report: $report" >&2
fi
exit "$code"
