import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { DEFAULT_SECRET, Simulator, type SimulatorOptions } from './simulator.ts';

export const USAGE = `Usage: npx callkeeper simulator [options]    (in a clone: npm run simulator -- [options])

A Graph and an Entra in one process, to try Callkeeper, or a bot, against. Calls that get no
keepAlive end, faults come on demand, and a ledger tells what was asked: docs/simulator.md.

  --graph-port N    port of Graph, plain HTTP (9000)
  --entra-port N    port of Entra, HTTPS (9443)
  --host H          address to listen on (127.0.0.1)
  --deadline D      a call with no keepAlive for so long is ended (45m)
  --api-roles LIST  app roles in tokens for APIs other than Graph
                    (Callkeeper.Read,Callkeeper.Track)
  --directory DIR   where the CA's certificate is written (.data/simulator)
  --bot URL         also runs a bot, which is in some calls at a time and tracks them at the
                    Callkeeper there; may be repeated, once for each replica`;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Graph's own deadline, which is the daemon's default. */
const GRAPH_DEADLINE_MS = 45 * 60_000;
/** The shortest interval that the daemon accepts. */
const LEAST_INTERVAL_MS = 1_000;

/** As `node:util`'s `parseArgs` takes them. */
export const OPTIONS = {
  'graph-port': { type: 'string', default: '9000' },
  'entra-port': { type: 'string', default: '9443' },
  host: { type: 'string', default: '127.0.0.1' },
  deadline: { type: 'string', default: '45m' },
  'api-roles': { type: 'string', default: 'Callkeeper.Read,Callkeeper.Track' },
  directory: { type: 'string', default: '.data/simulator' },
  bot: { type: 'string', multiple: true, default: [] as string[] },
} as const;

/** Throws if an option is invalid, with what was expected. */
export function readOptions(
  values: Record<Exclude<keyof typeof OPTIONS, 'bot'>, string>,
): SimulatorOptions {
  return {
    host: values.host,
    graphPort: parsePort(values['graph-port']),
    entraPort: parsePort(values['entra-port']),
    deadlineMs: parseDuration(values.deadline),
    apiRoles: values['api-roles'].split(',').filter((role) => role !== ''),
  };
}

/** The base URLs of the replicas that the bot uses. Throws if one is not a URL. */
export function readReplicas(urls: readonly string[]): string[] {
  return urls.map((text) => {
    const url = URL.parse(text);
    if (/^https?:$/.test(url?.protocol ?? '')) return text.replace(/\/+$/, '');
    throw new Error(`expected an http:// or https:// URL after --bot, got "${text}"`);
  });
}

/** Resolves when it is up; it ends at SIGINT or SIGTERM. */
export async function runSimulator(
  options: SimulatorOptions,
  directory: string,
): Promise<Simulator> {
  const simulator = new Simulator(options);
  await simulator.start();
  const caPath = await writeCa(directory, simulator.caCertificate);
  // Keeps the process alive while a fault has closed both listeners.
  const stayAlive = setInterval(() => undefined, 60_000);
  const stop = () => {
    clearInterval(stayAlive);
    void simulator.stop();
  };
  // Must come before the output, because its reader may send a signal at once.
  process.once('SIGINT', stop).once('SIGTERM', stop);
  process.stdout.write(describe(simulator, caPath, options.deadlineMs));
  return simulator;
}

async function writeCa(directory: string, certificate: string): Promise<string> {
  const path = resolve(join(directory, 'ca.pem'));
  await mkdir(directory, { recursive: true });
  await writeFile(path, `${certificate.trimEnd()}\n`);
  return path;
}

/** The environment for a replica that uses this simulator, one variable per line. */
function describe(simulator: Simulator, caPath: string, deadlineMs?: number): string {
  const environment = {
    GRAPH_BASE_URL: simulator.graphBaseUrl,
    AZURE_AUTHORITY_HOST: simulator.authorityHost,
    NODE_EXTRA_CA_CERTS: caPath,
    AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_CLIENT_SECRET: DEFAULT_SECRET,
    ...timingsFor(deadlineMs ?? GRAPH_DEADLINE_MS),
  };
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`);
  const control = simulator.graphBaseUrl.replace(/v1\.0$/, '_simulator');
  return (
    `The simulator is up. Put these lines into .env, then start a replica:\n${lines.join('')}\n` +
    `Control it at ${control}; create a call with:\ncurl -X POST ${control}/calls\n`
  );
}

/** The daemon's interval and deadline, as variables, if Graph ends calls sooner than usual. */
function timingsFor(deadlineMs: number): Record<string, string> {
  if (deadlineMs >= GRAPH_DEADLINE_MS) return {};
  const intervalMs = Math.max(LEAST_INTERVAL_MS, Math.floor(deadlineMs / 3));
  return {
    KEEPALIVE_INTERVAL: durationText(intervalMs),
    KEEPALIVE_DEADLINE: durationText(Math.floor(deadlineMs)),
  };
}

function durationText(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new Error(`expected a port from 0 to 65535, got "${text}"`);
}

function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new Error(`expected a duration such as 500ms, 5s, 45m or 1h, got "${text}"`);
}
