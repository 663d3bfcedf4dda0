#!/usr/bin/env bash
# Replaces the replicas of docker-compose.yml, for a new version or a changed .env: new ones are
# started beside the old ones, and once they are ready the old ones stop. No request fails
# meanwhile. (`docker compose up` would stop all replicas first.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# How long new replicas may take until they are ready, and HAProxy until it knows them: it looks
# names up and asks /readyz every 2 s, and keeps a name for 5 s.
READY_SECONDS=120
KNOWN_SECONDS=10

running() { docker compose ps --quiet callkeeper | sort; }
fail() {
  printf 'roll: %s\n' "$*" >&2
  exit 1
}

# all_ready CONTAINER...
all_ready() {
  local container
  for container; do
    docker exec "$container" bash config/docker/health readyz >/dev/null 2>&1 || return 1
  done
}

old=$(running)
[[ -n $old ]] || fail 'no replica runs; start them by: docker compose up --build'
wanted=$(docker compose config | sed -n '/^  callkeeper:$/,/^  [^ ]/s/^ *replicas: *//p')

docker compose build callkeeper environment
# Prints the faults of .env, and ends with 2 if there are any. (By `up`, not `run`: if this container
# were left as it was, the next `docker compose up` would replace it and all that depend on it.)
docker compose up --no-log-prefix --exit-code-from environment environment

scale=$(($(wc -l <<<"$old") + wanted))
# Not by --no-deps: the replicas would differ from what `docker compose up` makes, and the next
# one would replace them all.
docker compose up --detach --no-recreate --scale "callkeeper=$scale" callkeeper
mapfile -t new < <(comm -13 <(printf '%s\n' "$old") <(running))
((${#new[@]} == wanted)) || fail "compose started ${#new[@]} new replicas, not $wanted; the old ones go on"

deadline=$((SECONDS + READY_SECONDS))
until all_ready "${new[@]}"; do
  if ((SECONDS >= deadline)); then
    for container in "${new[@]}"; do docker logs --tail 20 "$container"; done >&2
    docker rm --force "${new[@]}" >/dev/null
    fail "the new replicas were not ready within $READY_SECONDS s, and are removed; the old ones go on"
  fi
  sleep 1
done
sleep "$KNOWN_SECONDS"

for container in $old; do
  docker stop "$container" >/dev/null
  docker rm "$container" >/dev/null
done
printf 'roll: %d replicas run, all of them new\n' "${#new[@]}"
