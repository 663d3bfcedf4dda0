import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Simulator } from '../../src/simulator/simulator.ts';

const MODULE = new URL('../../src/config/environment.ts', import.meta.url).href;
const UNDICI = import.meta.resolve('undici');

/** Two servers of HTTPS, each with a CA of its own. */
const one = new Simulator();
const other = new Simulator();
beforeAll(async () => {
  await Promise.all([one.start(), other.start()]);
});
afterAll(async () => {
  await Promise.all([one.stop(), other.stop()]);
});

function aDirectory(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-environment-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

/** What a process in that directory has after it has read its environment. */
async function inProcess(
  directory: string,
  env: Record<string, string>,
  options: readonly string[] = [],
) {
  const code = `
    import { fetch as undiciFetch } from ${JSON.stringify(UNDICI)};
    import { connect } from 'node:tls';
    import { readEnvironment } from ${JSON.stringify(MODULE)};
    const { env, faults, warnings } = readEnvironment();
    const byTls = ({ hostname: host, port }) => new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => resolve(socket.end())).once('error', reject);
    });
    const trusted = {};
    for (const [name, url] of [['one', ${JSON.stringify(one.authorityHost)}], ['other', ${JSON.stringify(other.authorityHost)}]]) {
      const ways = [fetch(url), undiciFetch(url), byTls(new URL(url))];
      const results = await Promise.allSettled(ways);
      trusted[name] = results.map(({ status }) => status === 'fulfilled');
    }
    const named = env.NODE_EXTRA_CA_CERTS ?? null;
    console.log(JSON.stringify({ trusted, named, faults, warnings }));
    process.exit();`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...options, '--input-type=module', '-e', code],
    { cwd: directory, env: { PATH: process.env.PATH, ...env } },
  );
  return JSON.parse(stdout);
}

const ALL = [true, true, true];
const NONE = [false, false, false];
const files = (more: Record<string, string> = {}) => ({
  'one.pem': one.caCertificate,
  'other.pem': other.caCertificate,
  ...more,
});

describe('the CAs of NODE_EXTRA_CA_CERTS are trusted', () => {
  test('from .env alone', async () => {
    const directory = aDirectory(files({ '.env': 'NODE_EXTRA_CA_CERTS=one.pem\n' }));
    expect(await inProcess(directory, {})).toEqual({
      trusted: { one: ALL, other: NONE },
      named: 'one.pem',
      faults: [],
      warnings: [],
    });
  });

  test('from the environment and from .env together', async () => {
    const directory = aDirectory(files({ '.env': 'NODE_EXTRA_CA_CERTS=one.pem\n' }));
    const { trusted } = await inProcess(directory, { NODE_EXTRA_CA_CERTS: 'other.pem' });
    expect(trusted).toEqual({ one: ALL, other: ALL });
  });

  test('from the environment alone', async () => {
    const { trusted } = await inProcess(aDirectory(files()), { NODE_EXTRA_CA_CERTS: 'other.pem' });
    expect(trusted).toEqual({ one: NONE, other: ALL });
  });

  test('from `.env` and from a file that Node puts into the environment', async () => {
    const directory = aDirectory(
      files({
        environment: 'NODE_EXTRA_CA_CERTS=one.pem\n',
        '.env': 'NODE_EXTRA_CA_CERTS=other.pem\n',
      }),
    );
    const { trusted } = await inProcess(directory, {}, ['--env-file=environment']);
    expect(trusted).toEqual({ one: ALL, other: ALL });
  });

  test('several from one file', async () => {
    const both = `# both\n${one.caCertificate}\n${other.caCertificate}`;
    const env = 'NODE_EXTRA_CA_CERTS=both.pem\n';
    const { trusted } = await inProcess(aDirectory(files({ 'both.pem': both, '.env': env })), {});
    expect(trusted).toEqual({ one: ALL, other: ALL });
  });
});

describe('a file whose CAs cannot be used is a warning', () => {
  test.each([
    ['missing', undefined, 'cannot be read (ENOENT)'],
    ['empty', ' \n', 'is empty'],
    ['of something else', 'hello', 'holds no certificate in PEM'],
    ['cut short', 'CUT', 'holds a certificate that cannot be read'],
  ])('if it is %s', async (_, text, reason) => {
    const cut = one.caCertificate.replace(/\n[^\n]+\n(?=-----END)/, '\n').replace(/^M.{20}/m, '');
    const content = text === 'CUT' ? cut : text;
    const more = content === undefined ? {} : { 'bad.pem': content };
    const env = 'NODE_EXTRA_CA_CERTS=bad.pem\n';
    const { trusted, warnings } = await inProcess(aDirectory(files({ ...more, '.env': env })), {
      NODE_EXTRA_CA_CERTS: 'other.pem',
    });
    expect(warnings).toEqual([
      `NODE_EXTRA_CA_CERTS: bad.pem ${reason}, so its CAs are not trusted`,
    ]);
    expect(trusted).toEqual({ one: NONE, other: ALL });
  });
});

test.each([
  ['too large is a fault', `# ${'x'.repeat(1024 * 1024)}`, 'is larger than 1048576 bytes'],
  ['missing is no fault', null, null],
])('a .env that is %s', async (_, text, reason) => {
  const { faults } = await inProcess(aDirectory(text === null ? {} : { '.env': text }), {});
  expect(faults).toEqual(reason === null ? [] : [`.env ${reason}: correct or remove it`]);
});

test('a .env that is /dev/null is no fault', async () => {
  const directory = aDirectory({});
  symlinkSync('/dev/null', join(directory, '.env'));
  expect(await inProcess(directory, {})).toMatchObject({ faults: [], warnings: [] });
});

test('a secret that is broken over lines of .env is in no warning', async () => {
  const key = 'q0mVYw3k+J9fZr/7bT1xLhE8sNcUdQ5aGpOiW2yRv4M=';
  const tail = 'kQIDAQABo4GfMIGcMB0GA1UdDgQWBBT==';
  const lines = ['# keys', `API_KEYS=${key},`, key, '', 'export FOO=1', 'PEM=-----BEGIN', tail];
  const { warnings } = await inProcess(aDirectory({ '.env': `${lines.join('\r\n')}\r\n` }), {});
  const isPart = 'sets no variable of Callkeeper: is it part of the value above it?';
  expect(warnings.sort()).toEqual([
    'FOO in .env is not a variable of Callkeeper',
    'PEM in .env is not a variable of Callkeeper',
    `line 3 of .env ${isPart}`,
    `line 7 of .env ${isPart}`,
  ]);
});
