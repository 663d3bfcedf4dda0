import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { durationsFor } from '../calls/durations.ts';
import { retryPolicy } from '../calls/retry.ts';
import { SharedClock } from '../calls/shared-clock.ts';
import { SLOTS } from '../calls/wheel.ts';
import type { Config } from '../config/config.ts';
import { LogObserver, tellAll } from '../log/log-observer.ts';
import { TokenLog } from '../log/token-log.ts';
import { Metrics } from '../metrics/metrics.ts';
import { Diary } from '../overview/diary.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  /** The daemon cannot go on; stop it. */
  readonly onFatal: (error: Error) => void;
}

export type Context = ReturnType<typeof createContext>;

/** What every part of a replica may use. It comes first, and nothing in it has to be stopped. */
export function createContext(options: DaemonOptions) {
  const { config, version, log } = options;
  const { intervalMs, deadlineMs } = config;
  const durations = durationsFor(intervalMs, deadlineMs);
  const wheel = { intervalMs, slots: SLOTS };
  const clock = new SharedClock(durations.skewMs, deadlineMs);
  const metrics = new Metrics({ version, wheel, deadlineMs, clock });
  const logObserver = new LogObserver(log);
  const replica = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const diary = new Diary({ replica, version, wheel, deadlineMs, clock });
  return {
    ...options,
    wheel,
    deadlineMs,
    /** How long removed calls are remembered and compared with Redis. */
    rememberMs: 2 * deadlineMs,
    durations,
    policy: retryPolicy(intervalMs, deadlineMs),
    clock,
    random: Math.random,
    replica,
    diary,
    userAgent: `callkeeper/${version}`,
    metrics,
    observer: tellAll([metrics, logObserver, diary]),
    ownerObserver: logObserver,
    tokenLog: new TokenLog(log),
    watched: { pollMs: durations.filesPollMs, clock, log },
  };
}
