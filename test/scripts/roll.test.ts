import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Two replicas run, as of an earlier version. */
const OLD = ['replica-1', 'replica-2'];
const NEW = ['replica-3', 'replica-4'];
const WANTED = 2;

/** A Docker host with replicas; see fake-docker.sh for the variables that control it. */
class Host implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'callkeeper-roll-'));

  constructor(running: readonly string[] = OLD, replicas: string = `      replicas: ${WANTED}\n`) {
    mkdirSync(join(this.#directory, 'replicas'));
    mkdirSync(join(this.#directory, 'bin'));
    symlinkSync(join(ROOT, 'test/scripts/fake-docker.sh'), join(this.#directory, 'bin/docker'));
    for (const replica of running) this.set(replica, 'running');
    this.#write('next', `${running.length + 1}\n`);
    this.#write(
      'config.yml',
      `services:\n  callkeeper:\n    deploy:\n${replicas}  redis:\n    a: b\n`,
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  set(replica: string, state: 'running' | 'exited' | 'created'): void {
    this.#write(`replicas/${replica}`, `${state}\n`);
  }

  /** What the new replicas say about themselves, one answer a question; after these: ready. */
  answer(...answers: ('yes' | 'no' | 'hang')[]): void {
    this.#write('unready', answers.map((answer) => `${answer}\n`).join(''));
  }

  /** Replica → its state. */
  get replicas(): Record<string, string> {
    const directory = join(this.#directory, 'replicas');
    const entries = readdirSync(directory).map((name) => [
      name,
      readFileSync(join(directory, name), 'utf8').trim(),
    ]);
    return Object.fromEntries(entries);
  }

  /** The commands that docker got so far. */
  get commands(): string[] {
    const path = join(this.#directory, 'commands');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  /** In a process group of its own, as in a terminal. */
  async roll(env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
    const child = spawn('bash', ['-c', 'ROLL_GROUP=$$ exec bash scripts/roll.sh'], {
      cwd: ROOT,
      detached: true,
      env: {
        PATH: `${this.#directory}/bin:${process.env.PATH}`,
        FAKE: this.#directory,
        ROLL_READY_SECONDS: '2',
        ROLL_KNOWN_SECONDS: '1',
        ...env,
      },
    });
    let output = '';
    const add = (text: string) => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    const [code] = await once(child, 'close');
    return { code, output };
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), text);
  }
}

const running = (...replicas: string[]) =>
  Object.fromEntries(replicas.map((replica) => [replica, 'running']));

describe.concurrent('scripts/roll.sh', () => {
  test('starts new replicas, waits until they are ready, and stops the old ones', async () => {
    using host = new Host();
    host.answer('no', 'yes', 'no');
    const { code, output } = await host.roll({ ROLL_READY_SECONDS: '60' });
    expect(code, output).toBe(0);
    expect(output).toContain('2 replicas run, all of them new');
    expect(host.replicas).toEqual(running(...NEW));
    const isExec = (command: string) => command.startsWith('exec');
    const firstStop = host.commands.findIndex((command) => command.startsWith('stop'));
    expect(host.commands.filter(isExec).length).toBeGreaterThanOrEqual(5);
    expect(host.commands.slice(firstStop).filter(isExec)).toEqual([]);
  });

  test.each(['exited', 'created'] as const)(
    'takes no old replica for a new one that an interrupted roll left %s',
    async (state) => {
      using host = new Host([...OLD, 'replica-3']);
      host.set('replica-1', state);
      const { code, output } = await host.roll();
      expect(code, output).toBe(0);
      expect(host.replicas).toEqual(running('replica-4', 'replica-5'));
    },
  );

  test('replaces all that an interrupted roll left running', async () => {
    using host = new Host([...OLD, ...NEW]);
    expect((await host.roll()).code).toBe(0);
    expect(host.replicas).toEqual(running('replica-5', 'replica-6'));
  });

  test('removes new replicas that are not ready in time, and shows their logs', async () => {
    using host = new Host();
    host.answer(...Array.from({ length: 100 }, () => 'no' as const));
    const { code, output } = await host.roll();
    expect(code).toBe(1);
    expect(output).toContain('the log of replica-3');
    expect(output).toContain('not ready within 2 s');
    expect(host.replicas).toEqual(running(...OLD));
  });

  test('does not take replicas for ready that are so only now and then', async () => {
    using host = new Host();
    // They are asked one after the other: the first is ready each time, the second never.
    host.answer(...Array.from({ length: 100 }, () => ['yes', 'no'] as const).flat());
    expect((await host.roll()).code).toBe(1);
    expect(host.replicas).toEqual(running(...OLD));
  });

  test('does not wait for a replica that hangs', async () => {
    using host = new Host();
    host.answer('hang');
    const { code, output } = await host.roll({ ROLL_READY_SECONDS: '60' });
    expect(code, output).toBe(0);
    expect(host.replicas).toEqual(running(...NEW));
  });

  test.each([
    ['an image that cannot be built', { BUILD: '1' }, 1],
    ['a faulty .env', { ENVIRONMENT: '2' }, 2],
    ['replicas that compose cannot start', { UP: '17' }, 17],
    ['more replicas than were wanted', { EXTRA: '1' }, 1],
    ['fewer replicas than were wanted', { EXTRA: '-1' }, 1],
  ] as const)('leaves only the old replicas after %s', async (_, env, expected) => {
    using host = new Host();
    const { code, output } = await host.roll(env);
    expect(code, output).toBe(expected);
    expect(host.replicas).toEqual(running(...OLD));
  });

  test('starts no more replicas than HAProxy finds', async () => {
    const seven = Array.from({ length: 7 }, (_, i) => `replica-${i + 1}`);
    using host = new Host(seven);
    const { code, output } = await host.roll();
    expect(code).toBe(1);
    expect(output).toContain('7 old and 2 new replicas are more than the 8 that HAProxy finds');
    expect(host.replicas).toEqual(running(...seven));
    expect(host.commands.filter((command) => command.startsWith('compose up'))).toEqual([]);
    using six = new Host(seven.slice(0, 6));
    expect((await six.roll()).code).toBe(0);
    expect(six.replicas).toEqual(running('replica-7', 'replica-8'));
  });

  test('stops nothing if no replica is wanted, and rolls one if no number is given', async () => {
    using none = new Host(OLD, '      replicas: 0\n');
    const { code, output } = await none.roll();
    expect([code, output]).toEqual([1, expect.stringContaining('wants no replica')]);
    expect(none.replicas).toEqual(running(...OLD));
    using one = new Host(['replica-1'], '      endpoint_mode: dnsrr\n');
    expect((await one.roll()).code).toBe(0);
    expect(one.replicas).toEqual(running('replica-2'));
  });

  test('says how to start replicas if none runs, and removes none', async () => {
    using host = new Host(['replica-1']);
    host.set('replica-1', 'exited');
    const { code, output } = await host.roll();
    expect([code, output]).toEqual([1, expect.stringContaining('docker compose up --build')]);
    expect(host.replicas).toEqual({ 'replica-1': 'exited' });
  });
});

describe('scripts/roll.sh, interrupted', () => {
  let commands: string[] = [];
  beforeAll(async () => {
    using host = new Host();
    await host.roll();
    ({ commands } = host);
  });
  /** The number of a command, from 1. */
  const numberOf = (start: string) => commands.findIndex((one) => one.startsWith(start)) + 1;

  const interrupt = async (host: Host, at: number, moment: string, SIGNAL = 'INT') => {
    const { code, output } = await host.roll({ INTERRUPT: `${at} ${moment}`, SIGNAL });
    return { code, output, step: `${moment} ${commands[at - 1]}` };
  };

  /** Whatever it left, the next one succeeds, and nothing of the old or interrupted is left. */
  const rollAgain = async (host: Host) => {
    const before = Object.keys(host.replicas);
    const { code, output } = await host.roll();
    expect(code, output).toBe(0);
    const names = Object.keys(host.replicas);
    expect(host.replicas).toEqual(running(...names));
    expect(names).toHaveLength(WANTED);
    expect(names.filter((name) => before.includes(name))).toEqual([]);
  };

  test('before the new replicas are ready, leaves the old ones alone, whenever it is', async () => {
    const firstStop = numberOf('stop');
    const steps = Array.from({ length: firstStop - 1 }, (_, i) => i + 1);
    expect(steps.length).toBeGreaterThan(8);
    const up = numberOf('compose up --detach');
    const all = steps.flatMap((at) =>
      ['before', 'after', ...(at === up ? ['within'] : [])].map((moment) => [at, moment] as const),
    );
    await inBatches(all, async ([at, moment]) => {
      using host = new Host();
      const { code, output, step } = await interrupt(host, at, moment);
      expect([step, code, host.replicas], output).toEqual([step, 130, running(...OLD)]);
      await rollAgain(host);
    });
  });

  test('while it stops the old replicas, leaves the new ones running, whenever it is', async () => {
    const firstStop = numberOf('stop');
    const steps = commands.map((_, i) => i + 1).slice(firstStop - 1);
    expect(steps).toHaveLength(4);
    const all = steps.flatMap((at) => ['before', 'after'].map((moment) => [at, moment] as const));
    await inBatches(all, async ([at, moment]) => {
      using host = new Host();
      const { code, output, step } = await interrupt(host, at, moment);
      expect([step, code], output).toEqual([step, 130]);
      expect(host.replicas, step).toMatchObject(running(...NEW));
      expect(output).toContain('run it again');
      await rollAgain(host);
    });
  });

  test.each([
    ['TERM', 143],
    ['HUP', 129],
  ] as const)('by SIG%s, it removes the new ones too', async (SIGNAL, expected) => {
    using host = new Host();
    const { code } = await interrupt(host, numberOf('exec'), 'after', SIGNAL);
    expect(code).toBe(expected);
    expect(host.replicas).toEqual(running(...OLD));
  });
});

/** Some at a time: each is a process with a dozen others. */
async function inBatches<Item>(items: readonly Item[], run: (item: Item) => Promise<void>) {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}
