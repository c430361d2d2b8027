#!/usr/bin/env bash
# One night: score what is new, verify the ledger, clean it, and tell somebody of whatever
# goes wrong.
#
#   nightly.sh LEDGER FLAGS_OF_SCORE...
#   nightly.sh /srv/ledger --config /etc/musiq/nightly.toml
#
# The environment may say:
#   MUSIQ           the program (musiq)
#   MUSIQ_STATE     a folder of this machine for locks and reports (~/.local/state/musiq)
#   MUSIQ_KEEP      how many states of the ledger `musiq clean` keeps (7)
#   MUSIQ_ON_ALERT  a program that is started with three arguments when something goes
#                   wrong: what, its exit code, a line that says more
#   MUSIQ_ON_DONE   a program that is started with the ledger's name after a good night,
#                   such as one that pings a dead man's switch: a machine that is off
#                   cannot send an alert
#
# Ends with the exit code of what went wrong: `musiq score` (1 failed, 2 wrong arguments, 3
# too many images failed or vanished, 4 nothing scored), `musiq verify`, `musiq clean`, or
# 75 if another night still runs.
set -uo pipefail
[ $# -ge 1 ] || { echo "usage: nightly.sh LEDGER FLAGS_OF_SCORE..." >&2; exit 2; }
case $1 in
  *://*) ledger=$1 ;;
  *) ledger=$(realpath -m -- "$1") ;;
esac
shift
musiq=${MUSIQ:-musiq}
state=${MUSIQ_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/musiq}
mkdir -p "$state" || exit 1
own=$state/$(printf '%s' "$ledger" | sha256sum | cut -c 1-16)

give_up() { # what went wrong, its exit code, a line
  echo "nightly: $1 ended with exit code $2: $3" >&2
  if [ -n "${MUSIQ_ON_ALERT:-}" ]; then
    "$MUSIQ_ON_ALERT" "$1" "$2" "$3" 9>&- || echo "nightly: $MUSIQ_ON_ALERT failed" >&2
  fi
  exit "$2"
}

run() { # a program of musiq and its arguments
  "$musiq" "$@" > "$own.out" 2> "$own.err"
  local code=$?
  cat "$own.out"
  cat "$own.err" >&2
  if [ "$1" = score ]; then
    cat "$own.out" >> "$own.reports.jsonl"
  fi
  if [ "$code" != 0 ]; then
    # The last line, of stderr if there is one.
    give_up "musiq $1" "$code" "$(cat "$own.out" "$own.err" | tail -n 1)"
  fi
}

# Programs that are started below inherit the lock: it holds until the last has ended, also
# if this script is killed alone.
exec 9> "$own.lock"
flock --nonblock 9 || give_up "the lock of $ledger" 75 "the last night still runs"

run score --output "$ledger" --json --quiet "$@"
run verify --ledger "$ledger"
# DRIFT: the place for a check that compares this state with the last one, by `run`.
# Cleaning comes last: while something is wrong with the new state, the older ones stay.
run clean --ledger "$ledger" --keep "${MUSIQ_KEEP:-7}"

if [ -n "${MUSIQ_ON_DONE:-}" ]; then
  "$MUSIQ_ON_DONE" "$ledger" 9>&- || give_up "$MUSIQ_ON_DONE" "$?" "the night itself was good"
fi
