import type { Key } from './keys.ts';
import { seconds } from './verdict.ts';

export interface Intro {
  readonly replicas: readonly {
    readonly name: string;
    readonly url: string;
    readonly pid: number | null;
  }[];
  readonly simulator: { readonly graphBaseUrl: string };
  readonly intervalMs: number;
  readonly deadlineMs: number;
  readonly bots: readonly string[];
  readonly leaseMs: number;
  readonly ownerGraceMs: number;
  /** Empty if there is no terminal. */
  readonly keys: readonly Key[];
}

/** Describes what runs, the URLs to open, and the keys to press. */
export function describeDemo(intro: Intro): string {
  const { replicas, simulator, intervalMs, deadlineMs, bots, leaseMs, ownerGraceMs, keys } = intro;
  const graph = new URL(simulator.graphBaseUrl).origin;
  const pages = ['/', '/docs', '/calls', '/owners', '/metrics', '/readyz'];
  const lines = [
    '',
    'Two replicas of Callkeeper keep the calls of two simulated bots alive on a simulated Graph.',
    `The wheel turns fast: a keepAlive every ${seconds(intervalMs)}, a deadline of ` +
      `${seconds(deadlineMs)} (at Microsoft: 15 and 45 minutes).`,
    `${bots.join(' and ')} own the calls. Each renews a lease of ${seconds(leaseMs)} for its own calls.`,
    `If a lease runs out, Callkeeper stops that bot's calls ${seconds(ownerGraceMs)} later, unless it renews.`,
    '',
    ...replicas.flatMap(({ name, url, pid }) => [
      `  replica ${name}, process ${pid}:`,
      `    ${pages.map((page) => url + page).join('  ')}`,
    ]),
    '  Graph and Entra, simulated:',
    `    ${graph}/_simulator/calls  ${graph}/_simulator/ledger`,
    '',
    keys.length > 0
      ? `Keys: ${keys.map(({ key, does }) => `${key} ${does}`).join(', ')}, q or Ctrl-C stops.`
      : 'Ctrl-C stops everything.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}
