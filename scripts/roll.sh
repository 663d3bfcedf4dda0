#!/usr/bin/env bash
# Replaces the replicas of docker-compose.yml, for a new version or a changed .env: starts new ones
# beside the old ones and, once they are ready, stops the old ones. No request fails meanwhile.
# (`docker compose up` would stop all replicas first.) If it fails or is interrupted before the new
# ones are ready, it removes them, and the old ones go on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# How long new replicas may take to be ready, and how long they must then stay so: HAProxy looks
# names up and asks /readyz every 2 s, and keeps a name for 5 s.
READY_SECONDS=${ROLL_READY_SECONDS:-120}
KNOWN_SECONDS=${ROLL_KNOWN_SECONDS:-10}

say() { printf 'roll: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}

# replicas [--all]: without --all, only those that run
replicas() { docker compose ps --quiet "$@" callkeeper | sort; }

# Not old, including those that were created and never started.
new_replicas() { comm -13 <(printf '%s\n' "$old") <(replicas --all); }

# all_ready CONTAINER...
all_ready() {
  local container
  for container; do
    timeout 5 docker exec "$container" bash config/docker/health readyz >/dev/null 2>&1 || return 1
  done
}

phase=checking
finish() {
  local code=$? container
  trap '' INT TERM HUP
  case $phase in
    starting)
      say 'removes the new replicas; the old ones go on'
      for container in $(new_replicas); do
        docker rm --force "$container" >/dev/null || say "cannot remove $container"
      done
      ;;
    stopping) say 'the new replicas serve, but not all old ones are removed: run it again' ;;
  esac
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

[[ -n $(replicas) ]] || fail 'no replica runs; start them by: docker compose up --build'
# A stopped replica (of an interrupted roll, say) would be started again in place of a new one.
docker compose rm --force callkeeper
old=$(replicas --all)
wanted=$(docker compose config | sed -n '/^  callkeeper:$/,/^  [^ ]/s/^ *replicas: *//p')
wanted=${wanted:-1}
((wanted > 0)) || fail 'docker-compose.yml wants no replica (replicas: 0)'
scale=$(($(wc -l <<<"$old") + wanted))
slots=$(sed -n 's/^ *server-template replica- \([0-9]*\) .*/\1/p' config/haproxy.cfg | sort -n | sed -n 1p)
((scale <= slots)) ||
  fail "$((scale - wanted)) old and $wanted new replicas are more than the $slots that HAProxy finds" \
    '(server-template in config/haproxy.cfg); stop some first, or give it more'

docker compose build callkeeper environment
# Prints the faults of .env, and ends with 2 if there are any. (By `up`, not `run`: if this container
# were left as it was, the next `docker compose up` would replace it and all that depend on it.)
docker compose up --no-log-prefix --exit-code-from environment environment

phase=starting
# Not by --no-deps: the replicas would differ from what `docker compose up` makes, and the next
# one would replace them all.
docker compose up --detach --no-recreate --scale "callkeeper=$scale" callkeeper
mapfile -t new < <(new_replicas)
((${#new[@]} == wanted)) || fail "compose made ${#new[@]} new replicas, not $wanted"

deadline=$((SECONDS + READY_SECONDS))
ready_since=$SECONDS
until ((SECONDS - ready_since >= KNOWN_SECONDS)); do
  sleep 1
  if all_ready "${new[@]}"; then continue; fi
  ready_since=$SECONDS
  if ((SECONDS >= deadline)); then
    for container in "${new[@]}"; do docker logs --tail 20 "$container"; done >&2
    fail "the new replicas were not ready within $READY_SECONDS s"
  fi
done

phase=stopping
for container in $old; do
  docker stop "$container" >/dev/null
  docker rm "$container" >/dev/null
done
phase=over
printf 'roll: %d replicas run, all of them new\n' "${#new[@]}"
