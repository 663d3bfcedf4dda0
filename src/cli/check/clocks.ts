import { span } from '../call-lines.ts';
import { about, type Finding } from './finding.ts';

/** A reading of another clock, and our clock before and after the request; epoch ms. */
export interface Reading {
  readonly at: number;
  /** The precision of `at`, which is rounded down to it, in ms. */
  readonly resolutionMs: number;
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** By how much our clock is certainly ahead of the other, in ms; below 0: behind. */
export function aheadMs({ at, resolutionMs, sentAt, answeredAt }: Reading): number {
  if (sentAt > at + resolutionMs) return sentAt - at - resolutionMs;
  return Math.min(0, answeredAt - at);
}

export interface Bounds {
  readonly warnMs: number;
  readonly failMs: number;
  /** The consequence of a wrong clock. */
  readonly consequence: string;
}

/** @param whose in the genitive: `Redis's` */
export function clockFindings(
  check: string,
  whose: string,
  reading: Reading,
  bounds: Bounds,
): Finding {
  const ms = aheadMs(reading);
  const tell = about(null);
  if (Math.abs(ms) <= bounds.warnMs) return tell.ok(check, `this machine's clock is ${whose}`);
  const detail = `this machine's clock is ${span(Math.abs(ms))} ${ms > 0 ? 'ahead of' : 'behind'} ${whose}`;
  const fix = 'Have both machines keep their time by NTP (timedatectl, chronyc tracking).';
  if (Math.abs(ms) <= bounds.failMs) return tell.warning(check, detail, fix);
  return tell.failed(check, `${detail}: ${bounds.consequence}`, fix);
}
