#!/usr/bin/env bash
# One real run on Dataflow: 20,000 photos, scored, verified, scored again, priced.
#
#   PROJECT=... REGION=... BUCKET=... PHOTOS=gs://.../ IMAGE=...@sha256:... PRICES=prices.json \
#     pipelines/dataflow/acceptance_run.sh [cpu|gpu]
#
# PHOTOS holds at least 20,000 photos; the first 20,000 of its listing are taken. The
# ledger lies in gs://BUCKET/acceptance. Stops at the first thing that is not as it should be.
set -euo pipefail
: "${PROJECT:?}" "${REGION:?}" "${BUCKET:?}" "${PHOTOS:?}" "${IMAGE:?}" "${PRICES:?}"
device=${1:-cpu}
count=20000
root="gs://$BUCKET/acceptance/$(date -u +%Y%m%dt%H%M%S)-$device"
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# gcloud may be ended by head before it has listed all: that is no failure.
(gcloud storage ls --recursive "$PHOTOS**" || true) | head -n "$count" > "$here/photos.txt"
[ "$(wc -l < "$here/photos.txt")" = "$count" ] || { echo "PHOTOS has fewer than $count photos" >&2; exit 2; }
gcloud storage cp "$here/photos.txt" "$root/photos.txt"

score() { # ledger; waits for the job and leaves its id in $job
  musiq score --runner DataflowRunner --project "$PROJECT" --region "$REGION" \
    --input "$root/photos.txt" --allow_bucket "$(cut -d/ -f1-3 <<< "$PHOTOS")" \
    --output "$root/ledger" --device "$device" \
    --temp_location "$root/temp" --sdk_container_image "$IMAGE" \
    --labels team=acceptance 2> "$here/log" || { cat "$here/log" >&2; exit 1; }
  cat "$here/log" >&2
  job=$(sed -n 's/.*started job [^ ]* (\([^)]*\)).*/\1/p' "$here/log")
  while :; do
    state=$(gcloud dataflow jobs show "$job" --project "$PROJECT" --region "$REGION" --format 'value(currentState)')
    case $state in
      *DONE|Done) return ;;
      *FAILED|Failed|*CANCELLED|Cancelled) echo "job $job: $state" >&2; exit 1 ;;
    esac
    sleep 20
  done
}

price() {
  gcloud dataflow metrics list "$job" --project "$PROJECT" --region "$REGION" --source all --format json > "$here/metrics.json"
  python -m pipelines.dataflow.cost --metrics "$here/metrics.json" --prices "$PRICES"
}

echo "1. every photo has its row"
score
musiq verify --ledger "$root/ledger"
price

echo "2. a run with nothing to do scores nothing"
score
musiq verify --ledger "$root/ledger"
gcloud storage cat "$root/ledger/_manifests/00000002.json" > "$here/manifest.json"
python - "$here/manifest.json" "$count" <<'PYTHON'
import json, sys
counts = json.load(open(sys.argv[1]))["counts"]
assert counts["scored"] == 0, counts
assert counts["listed"] == int(sys.argv[2]), counts
print(counts)
PYTHON

echo "3. a second job beside a running one is refused"
musiq score --runner DataflowRunner --project "$PROJECT" --region "$REGION" --rescore \
  --input "$root/photos.txt" --output "$root/ledger" --temp_location "$root/temp" \
  --allow_bucket "$(cut -d/ -f1-3 <<< "$PHOTOS")" --sdk_container_image "$IMAGE" 2> "$here/log"
first=$(sed -n 's/.*started job [^ ]* (\([^)]*\)).*/\1/p' "$here/log")
if musiq score --runner DataflowRunner --project "$PROJECT" --region "$REGION" \
  --input "$root/photos.txt" --output "$root/ledger" --temp_location "$root/temp" \
  --allow_bucket "$(cut -d/ -f1-3 <<< "$PHOTOS")" --sdk_container_image "$IMAGE"
then echo "a second job was accepted" >&2; exit 1; fi

echo "4. cancelled and started again, the ledger is whole"
sleep 300
gcloud dataflow jobs cancel "$first" --project "$PROJECT" --region "$REGION"
while gcloud dataflow jobs list --project "$PROJECT" --region "$REGION" --status active --format 'value(id)' | grep -q "$first"; do sleep 20; done
score
musiq verify --ledger "$root/ledger"
echo "accepted: $root/ledger"
