import type { Style } from '../cli/printable.ts';
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

type Paint = (style: Style, text: string) => string;

export function describeDemo(intro: Intro, paint: Paint): string {
  const { replicas, simulator, intervalMs, deadlineMs, bots, leaseMs, ownerGraceMs } = intro;
  const graph = new URL(simulator.graphBaseUrl).origin;
  const lines = [
    '',
    'Two replicas of Callkeeper keep the calls of two bots alive on a simulated Graph.',
    `The wheel turns fast: a keepAlive every ${seconds(intervalMs)}, with a deadline of`,
    `${seconds(deadlineMs)} (at Microsoft: 15 and 45 minutes).`,
    `${bots.join(' and ')} own the calls. Each renews a lease of ${seconds(leaseMs)} for its calls. If a`,
    `lease runs out, Callkeeper stops that bot's calls ${seconds(ownerGraceMs)} later.`,
    '',
    ...replicas.map(({ name, url, pid }) => {
      return `  ${paint('bold', `Board: ${url}/`)}  replica ${name}, process ${pid}`;
    }),
    '  Each also serves /docs, /calls, /owners, /metrics and /readyz.',
    `  Calls at the simulated Graph: ${graph}/_simulator/calls`,
    `  All keepAlives that it got:   ${graph}/_simulator/ledger`,
    '',
    ...keyLines(intro, paint),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

/** What has scrolled away: the board and the keys. */
export function describeReminder(intro: Pick<Intro, 'replicas' | 'keys'>, paint: Paint): string {
  const boards = intro.replicas.map(({ url }) => `${url}/`).join(' and ');
  return `${[paint('bold', `Board: ${boards}`), ...keyLines(intro, paint)].join('\n')}\n`;
}

function keyLines({ keys }: Pick<Intro, 'keys'>, paint: Paint): string[] {
  if (keys.length === 0) return ['Ctrl-C stops everything.'];
  const all = keys.map(({ key, does }) => `${key} ${does}`);
  return [paint('bold', `Keys: ${all.join(', ')}, q stops all`)];
}
