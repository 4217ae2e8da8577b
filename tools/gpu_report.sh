#!/bin/bash
# What a person with a GPU and ten minutes runs: everything that a report on it needs, in one file.
#
#     tools/gpu_report.sh [REPORT.md]            on the GPU of this machine
#     tools/gpu_report.sh --tiny [REPORT.md]     a try on a CPU, with tiny networks
#     tools/gpu_report.sh --pretend [REPORT.md]  on a pretended GPU, which computes nothing
#
# Answers of our networks against recorded runs, latency and memory of a frame, frames a second of a
# whole run, and what was predicted for all that. Paste the file into an issue.

set -u
cd "$(dirname "$0")/.." || exit 1
mode=""
case "${1:-}" in --tiny | --pretend) mode="$1" && shift ;; esac
report="${1:-gpu_report.md}"
python="${PYTHON:-python}"
failed=0

part() {  # TITLE COMMAND...: its output as it is; a part that fails does not end the report
    echo && echo "## $1" && echo && shift
    "$@" 2>&1 || { echo && echo "failed: exit code $?" && failed=1; }
}

{
    echo "# Learned frontends on a GPU"
    echo
    echo "$(date -u +%Y-%m-%dT%H:%MZ), $(git rev-parse --short HEAD 2>/dev/null || echo 'no repository')"
    if [ -z "$mode" ] && command -v nvidia-smi >/dev/null; then
        part "Machine" nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
    fi
    part "What works here" "$python" -m mapper doctor
    if [ -n "$mode" ]; then
        part "Answers against recorded runs" "$python" tools/check_golden.py --quiet tests/golden
        part "A frame" "$python" tools benchmarks.gpu_frames --tiny ${mode/--tiny/--device=cpu}
        part "A whole run" "$python" tools benchmarks.gpu_run --tiny
    else
        part "Answers against recorded runs" \
            "$python" tools/check_golden.py --quiet --device cuda tests/golden
        part "A frame" "$python" tools benchmarks.gpu_frames
        part "A frame in float32" "$python" tools benchmarks.gpu_frames --precision float32 --frames 50
        part "A whole run" "$python" tools benchmarks.gpu_run
    fi
    part "What was predicted" "$python" tools gpu_budgets cut3r "stream3r window" wint3r
} | tee "$report"
grep -q '^failed: ' "$report" && exit 1
echo "written: $report"
