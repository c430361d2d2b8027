#!/usr/bin/env bash
# One real run on Dataflow: 20,000 photos, scored, verified, scored again, priced.
#
#   PROJECT=... REGION=... BUCKET=... PHOTOS=gs://.../ IMAGE=...@sha256:... PRICES=prices.json \
#     pipelines/dataflow/acceptance_run.sh [cpu|gpu]
#
# PHOTOS holds at least COUNT photos; the first COUNT of its listing are taken. The ledger
# lies in gs://BUCKET/acceptance. Stops at the first thing that is not as it should be, and
# at a job that takes longer than LIMIT_SECONDS, which it leaves running and names.
set -euo pipefail
: "${PROJECT:?}" "${REGION:?}" "${BUCKET:?}" "${PHOTOS:?}" "${IMAGE:?}" "${PRICES:?}"
count=${COUNT:-20000}
limit_seconds=${LIMIT_SECONDS:-21600}
poll_seconds=${POLL_SECONDS:-20}
cancel_after_seconds=${CANCEL_AFTER_SECONDS:-300}
device=${1:-cpu}
root="gs://$BUCKET/acceptance/$(date -u +%Y%m%dt%H%M%S)-$device"
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# gcloud may be ended by head before it has listed all: that is no failure.
(gcloud storage ls --recursive "$PHOTOS**" || true) | head -n "$count" > "$here/photos.txt"
[ "$(wc -l < "$here/photos.txt")" = "$count" ] || { echo "PHOTOS has fewer than $count photos" >&2; exit 2; }
gcloud storage cp "$here/photos.txt" "$root/photos.txt"

submit() { # flags; leaves the id of the job in $job
  musiq score --runner DataflowRunner --project "$PROJECT" --region "$REGION" \
    --input "$root/photos.txt" --allow_bucket "$(cut -d/ -f1-3 <<< "$PHOTOS")" \
    --output "$root/ledger" --device "$device" \
    --temp_location "$root/temp" --sdk_container_image "$IMAGE" \
    --labels team=acceptance "$@" 2> "$here/log" || { cat "$here/log" >&2; return 1; }
  cat "$here/log" >&2
  job=$(sed -n 's/.*started job [^ ]* (\([^)]*\)).*/\1/p' "$here/log")
}

wait_for() { # a state, such as JOB_STATE_DONE, that $job is to end in
  local give_up_at=$((SECONDS + limit_seconds)) state
  while :; do
    state=$(gcloud dataflow jobs describe "$job" --project "$PROJECT" --region "$REGION" --format 'value(currentState)')
    case $state in
      "$1") return ;;
      JOB_STATE_DONE|JOB_STATE_FAILED|JOB_STATE_CANCELLED) echo "job $job: $state" >&2; exit 1 ;;
    esac
    if ((SECONDS >= give_up_at)); then
      echo "job $job: $state, not $1, after $limit_seconds s; it was left as it is" >&2
      exit 1
    fi
    sleep "$poll_seconds"
  done
}

require_counts() { # listed, scored
  python - "$root/ledger" "$@" <<'PYTHON'
import sys
from pipelines.ledger.reader import open_ledger
ledger, listed, scored = sys.argv[1:]
counts = open_ledger(ledger).counts
print(counts)
assert counts.listed == int(listed), f"not all of {listed} photos were listed"
assert scored == "all" or counts.scored == int(scored), f"{scored} were to be scored"
PYTHON
}

price() {
  gcloud beta dataflow metrics list "$job" --project "$PROJECT" --region "$REGION" --source all --format json > "$here/metrics.json"
  python -m pipelines.dataflow.cost --metrics "$here/metrics.json" --prices "$PRICES"
}

echo "1. every photo has its row"
submit
wait_for JOB_STATE_DONE
musiq verify --ledger "$root/ledger"
require_counts "$count" all
price

echo "2. a run with nothing to do scores nothing"
submit
wait_for JOB_STATE_DONE
musiq verify --ledger "$root/ledger"
require_counts "$count" 0

echo "3. a second job beside a running one is refused"
submit --rescore
first=$job
if submit; then echo "a second job was accepted" >&2; exit 1; fi
job=$first

echo "4. cancelled and started again, the ledger is whole"
sleep "$cancel_after_seconds"
gcloud dataflow jobs cancel "$job" --project "$PROJECT" --region "$REGION"
wait_for JOB_STATE_CANCELLED
submit
wait_for JOB_STATE_DONE
musiq verify --ledger "$root/ledger"
require_counts "$count" all
echo "accepted: $root/ledger"
