#!/usr/bin/env bash
# Tells which berths of a harbour are free.
set -euo pipefail

readonly BERTHS=6
HARBOUR_FILE="${HARBOUR_FILE:-berths.txt}"

# Print a line to standard error.
say() {
    printf '%s\n' "$*" >&2
}

# Print the numbers of the berths that nobody has.
free_berths() {
    local number
    for ((number = 1; number <= BERTHS; number++)); do
        if ! grep -q "^${number} " "$HARBOUR_FILE"; then
            printf '%d\n' "$number"
        fi
    done
}

function moor {
    local ship=$1 berth
    berth=$(free_berths | head -n 1)
    if [[ -z $berth ]]; then
        say "no berth for $ship"
        return 1
    fi
    printf '%d %s\n' "$berth" "$ship" >>"$HARBOUR_FILE"
}

case "${1:-}" in
    free) free_berths ;;
    moor) moor "${2:?the name of a ship}" ;;
    *)
        cat <<'USAGE'
usage: harbour.sh free
       harbour.sh moor SHIP
USAGE
        ;;
esac
