import { type ChildProcess, spawn } from 'node:child_process';

/** When its input ends, it kills what was started (`+ pid`) and has not ended (`- pid`). */
const SCRIPT = `
pids=
while read -r op pid; do
  if [ "$op" = + ]; then pids="$pids $pid"; continue; fi
  left=
  for one in $pids; do [ "$one" = "$pid" ] || left="$left $one"; done
  pids=$left
done
[ -z "$pids" ] || kill -9 $pids
`;

let reaper: ChildProcess | null = null;

/** Ends the child when this process ends, even by SIGKILL. */
export function reap(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return; // it never began
  reaper ??= start();
  const { stdin } = reaper;
  stdin?.write(`+ ${pid}\n`);
  child.once('exit', () => stdin?.write(`- ${pid}\n`));
}

function start(): ChildProcess {
  // Detached: a signal to our process group must not end it.
  const child = spawn('sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  const stdin = child.stdin as typeof child.stdin & { unref?: () => void };
  stdin?.unref?.();
  stdin?.on('error', () => undefined); // somebody ended it
  return child;
}
