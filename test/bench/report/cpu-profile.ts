/** V8's format (`node --cpu-prof`); times in µs. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self time by origin of the code, as shares of the working time, largest first. */
export function sharesByOrigin(text: string): [string, number][] {
  const { nodes, samples, timeDeltas } = JSON.parse(text) as CpuProfile;
  const origins = new Map(nodes.map(({ id, callFrame }) => [id, originOf(callFrame)]));
  const times = new Map<string, number>();
  let busy = 0;
  for (const [i, id] of samples.entries()) {
    const origin = origins.get(id) ?? 'unknown';
    if (origin === '') continue;
    const us = timeDeltas[i] ?? 0;
    busy += us;
    times.set(origin, (times.get(origin) ?? 0) + us);
  }
  return [...times]
    .map(([origin, us]): [string, number] => [origin, us / busy])
    .sort((a, b) => b[1] - a[1]);
}

/** Not counted, like idle time: it is part of the start, not of the work. */
const STARTING = '';

const ROOMS_OF_NODE: readonly [string, RegExp][] = [
  [STARTING, /internal\/(modules|vm)|^node:(fs|path|internal\/url)/],
  [
    'Node: sockets, streams, HTTP',
    /stream|net$|http|socket|^node:(buffer|events)|internal\/buffer/,
  ],
  ['Node: timers and queues', /timers|task_queues|async_hooks|async_context|priority_queue/],
  ['Node: crypto', /crypto/],
];

/** A package, a directory of src/, Node, or V8; '' for what does not count. */
function originOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  if (functionName === '(idle)') return '';
  if (functionName === '(garbage collector)') return 'garbage collection';
  const packaged = url.lastIndexOf('/node_modules/');
  if (packaged >= 0) {
    const [scope = '', name = ''] = url.slice(packaged + '/node_modules/'.length).split('/');
    return scope.startsWith('@') ? `${scope}/${name}` : scope;
  }
  const own = /\/src\/(?:(\w+)\/)?[\w-]+\.ts$/.exec(url);
  if (own) return `src/${own[1] ?? ''}`;
  if (url.startsWith('node:')) {
    return ROOMS_OF_NODE.find(([, pattern]) => pattern.test(url))?.[0] ?? 'Node: all else';
  }
  return 'Node and the kernel (native)';
}
