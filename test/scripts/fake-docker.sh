#!/bin/bash
# Does for scripts/roll.sh what Docker would do. A replica is a file in $FAKE/replicas whose text is
# its state: created, running or exited. Each command is a line of $FAKE/commands.
#
# INTERRUPT="N before" or "N after" ends the Nth command as Ctrl-C in a terminal does: all processes of
# the script get the signal, before or after the command took effect.
set -u
cd "$FAKE" || exit 1
printf '%s\n' "$*" >>commands
read -r at moment <<<"${INTERRUPT:-}"

interrupt_if() {
  [[ $moment == "$1" && $(wc -l <commands) == "$at" ]] || return 0
  kill "-${SIGNAL:-INT}" -- "-$ROLL_GROUP"
  exit 130
}

# in_state PATTERN
in_state() {
  local replica
  for replica in replicas/*; do
    [[ -e $replica && $(<"$replica") == $1 ]] && basename "$replica"
  done
}

# start COUNT: as compose does, first those that are there
start() {
  local replica made number
  for replica in $(in_state '@(exited|created)'); do echo running >"replicas/$replica"; done
  number=$(in_state '*' | wc -l)
  while ((number < $1 + ${EXTRA:-0})); do
    made=$(<next)
    echo $((made + 1)) >next
    # One is created; by Ctrl-C it may never be started.
    echo created >"replicas/replica-$made"
    interrupt_if within
    echo running >"replicas/replica-$made"
    number=$((number + 1))
  done
}

run() {
  case "$*" in
    'compose ps --quiet callkeeper') in_state running ;;
    'compose ps --quiet --all callkeeper') in_state '*' ;;
    'compose rm --force callkeeper')
      for replica in $(in_state '@(exited|created)'); do rm "replicas/$replica"; done
      ;;
    'compose config') cat config.yml ;;
    'compose build callkeeper environment') return "${BUILD:-0}" ;;
    'compose up --no-log-prefix --exit-code-from environment environment') return "${ENVIRONMENT:-0}" ;;
    'compose up --detach --no-recreate --scale callkeeper='*' callkeeper')
      local scale=${6#callkeeper=}
      start "$scale"
      return "${UP:-0}"
      ;;
    'exec replica-'*' bash config/docker/health readyz')
      # The script asks again and again. A file `unready` has what is to come: hang, no, yes.
      local answer=yes
      if [[ -s unready ]]; then
        answer=$(sed -n 1p unready)
        sed -i 1d unready
      fi
      if [[ $answer == hang ]]; then exec sleep 600; fi
      [[ $answer == yes && $(<"replicas/$2") == running ]]
      ;;
    'logs --tail 20 replica-'*) echo "the log of $4" ;;
    'stop replica-'*) echo exited >"replicas/$2" ;;
    'rm replica-'*) [[ $(<"replicas/$2") != running ]] && rm "replicas/$2" ;;
    'rm --force replica-'*) rm "replicas/$3" ;;
    *)
      echo "the fake does not know: $*" >&2
      return 64
      ;;
  esac
}

shopt -s extglob
interrupt_if before
run "$@"
code=$?
interrupt_if after
exit $code
