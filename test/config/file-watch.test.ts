import { rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readApps } from '../../src/config/apps-file.ts';
import { FileWatch } from '../../src/config/file-watch.ts';
import type { AppSet } from '../../src/graph/app.ts';
import { AppsDirectory, anApp, apps } from './apps-fixture.ts';

/** Sleeps until the test lets it go on, so that the test decides when each check is made. */
class StepClock {
  #wake: (() => void) | null = null;
  #asleep = Promise.withResolvers<void>();
  slept: number[] = [];

  now(): number {
    return 0;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    const { promise, resolve } = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => resolve(), { once: true });
    this.#wake = resolve;
    this.#asleep.resolve();
    return promise;
  }

  /** One look: from the sleep that is under way to the next. */
  async step(): Promise<void> {
    await this.#asleep.promise;
    this.#asleep = Promise.withResolvers();
    this.#wake?.();
    await this.#asleep.promise;
  }
}

const ONE = apps(anApp('one'));
const TWO = apps(anApp('one', { default: 'true' }), anApp('two'));
const FAULTY = apps(anApp('one', { tenantId: 'the-secret' }));
const FAULTS = ['line 3: apps[0].tenantId must be a GUID'];

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly faults?: string[];
  readonly apps?: string[];
}

let directory: AppsDirectory;
let clock: StepClock;
let watch: FileWatch<AppSet>;
let lines: Line[];
let outcomes: string[];
let used: AppSet[];
let checks: number;
const names = () => used.map((set) => set.apps.map(({ name }) => name).join());
const errors = () => lines.filter(({ level }) => level >= 50).map(({ faults }) => faults);
/** A change counts when two looks have found the same. */
const settle = async () => {
  await clock.step();
  await clock.step();
};

beforeEach(async () => {
  directory = await new AppsDirectory().fill();
  directory.write('apps.yaml', ONE);
  clock = new StepClock();
  [lines, outcomes, used, checks] = [[], [], [], 0];
  watch = new FileWatch<AppSet>({
    file: {
      path: directory.file.path,
      text: ONE,
      variable: 'APPS_FILE',
      subject: 'the apps',
      read: (text, onNamed) => {
        checks++;
        return readApps(text, directory.file, onNamed);
      },
      use: (set) => {
        if (set.apps.some(({ name }) => name === 'unusable')) throw new TypeError('a bug');
        used.push(set);
      },
      logFields: (set) => ({ apps: set.apps.map(({ name }) => name) }),
      reloaded: (outcome) => void outcomes.push(outcome),
    },
    pollMs: 1234,
    clock,
    log: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
  });
  watch.start();
});
afterEach(async () => {
  await watch.stop();
  directory.remove();
});

describe('a change of the file', () => {
  test('counts once it has been there for two looks, which are made in time', async () => {
    await clock.step();
    expect(used).toEqual([]);
    directory.write('apps.yaml', TWO);
    await clock.step();
    expect(used).toEqual([]);
    await clock.step();
    expect(names()).toEqual(['one,two']);
    expect(outcomes).toEqual(['success']);
    expect(lines).toMatchObject([{ msg: 'the apps were read again', apps: ['one', 'two'] }]);
    await settle();
    expect(names()).toEqual(['one,two']);
    expect(new Set(clock.slept)).toEqual(new Set([1234]));
  });

  test('is not used while it is still being written', async () => {
    directory.write('apps.yaml', apps(anApp('one')));
    await clock.step();
    directory.write('apps.yaml', apps(anApp('two')));
    await clock.step();
    directory.write('apps.yaml', TWO);
    await settle();
    expect(names()).toEqual(['one,two']);
  });

  test('is seen if a link to its directory is swapped, as in a ConfigMap', async () => {
    const link = join(directory.path, 'data');
    for (const [name, text] of Object.entries({ old: ONE, new: TWO })) {
      directory.write(`${name}/apps.yaml`, text);
      directory.write(`${name}/secret`, 's');
    }
    await symlink('old', link);
    await rm(directory.file.path);
    await symlink('data/apps.yaml', directory.file.path);
    await settle();
    expect(used).toEqual([]);
    await symlink('new', `${link}.next`);
    await rename(`${link}.next`, link);
    await settle();
    expect(names()).toEqual(['one,two']);
  });

  test('is seen although size, time and inode are the same', async () => {
    const [a, b] = ['aaa', 'bbb'].map((name) => apps(anApp(name)));
    directory.write('apps.yaml', a ?? '');
    await utimes(directory.file.path, 1, 1);
    await settle();
    directory.write('apps.yaml', b ?? '');
    await utimes(directory.file.path, 1, 1);
    await settle();
    expect(names()).toEqual(['aaa', 'bbb']);
  });
});

describe('a faulty file', () => {
  test('changes nothing, and is logged once, without its content', async () => {
    directory.write('apps.yaml', FAULTY);
    await settle();
    await settle();
    expect(used).toEqual([]);
    expect(errors()).toEqual([FAULTS]);
    expect(outcomes).toEqual(['failure']);
    expect(JSON.stringify(lines)).not.toContain('the-secret');
  });

  test('is logged again when its faults change, or on request', async () => {
    directory.write('apps.yaml', FAULTY);
    await settle();
    directory.write('apps.yaml', `\n${FAULTY}`);
    await settle();
    await watch.reload();
    const moved = ['line 4: apps[0].tenantId must be a GUID'];
    expect(errors()).toEqual([FAULTS, moved, moved]);
    expect(outcomes).toEqual(['failure', 'failure', 'failure']);
  });

  test('is used once its missing file of a secret exists', async () => {
    directory.write('apps.yaml', apps(anApp('a', { credential: '{ clientSecretFile: late }' })));
    await settle();
    expect(outcomes).toEqual(['failure']);
    directory.write('late', 'secret');
    await clock.step();
    expect(names()).toEqual(['a']);
  });

  test('is not checked again until it or a file that it names changes', async () => {
    directory.write('apps.yaml', apps(anApp('a', { credential: '{ clientSecretFile: late }' })));
    await settle();
    await clock.step();
    const before = checks;
    await settle();
    expect(checks).toBe(before);
    directory.write('late', ' ');
    await clock.step();
    expect(checks).toBe(before + 1);
    expect(errors()).toHaveLength(2);
    directory.write('late', 'secret');
    await clock.step();
    expect(names()).toEqual(['a']);
  });

  test('that cannot be used because of a bug is faulty, and a later one is used', async () => {
    directory.write('apps.yaml', apps(anApp('unusable')));
    await settle();
    await watch.reload();
    const faults = ['the file causes an unexpected TypeError'];
    expect(errors()).toEqual([faults, faults]);
    directory.write('apps.yaml', TWO);
    await settle();
    expect(names()).toEqual(['one,two']);
    expect(outcomes).toEqual(['failure', 'failure', 'success']);
  });

  test('that is restored is used again', async () => {
    directory.write('apps.yaml', FAULTY);
    await settle();
    directory.write('apps.yaml', ONE);
    await settle();
    expect(names()).toEqual(['one']);
    expect(outcomes).toEqual(['failure', 'success']);
  });

  test.each<[string, () => Promise<void>, string]>([
    ['gone', () => rm(directory.file.path), 'the file cannot be read (ENOENT)'],
    [
      'a directory',
      async () => {
        await rm(directory.file.path);
        directory.write('apps.yaml/x', '');
      },
      'the file is not a regular file',
    ],
    ['empty', async () => void directory.write('apps.yaml', ' \n'), 'the file is empty'],
    [
      'endless',
      async () => {
        await rm(directory.file.path);
        await symlink('/dev/zero', directory.file.path);
      },
      'the file is not a regular file',
    ],
    [
      'too large',
      async () => void directory.write('apps.yaml', '#'.repeat(1024 * 1024 + 1)),
      'the file is larger than 1048576 bytes',
    ],
  ])('is one that is %s', async (_, spoil, fault) => {
    await spoil();
    await settle();
    await settle();
    expect(used).toEqual([]);
    expect(errors()).toEqual([[fault]]);
    await rm(directory.file.path, { recursive: true, force: true });
    directory.write('apps.yaml', TWO);
    await settle();
    expect(names()).toEqual(['one,two']);
  });
});

describe('asked to read it', () => {
  test('it does so at once, changed or not', async () => {
    directory.write('apps.yaml', TWO);
    await watch.reload();
    await watch.reload();
    expect(names()).toEqual(['one,two', 'one,two']);
    expect(outcomes).toEqual(['success', 'success']);
  });

  test('several times at once, the last content is what counts', async () => {
    const before = watch.reload();
    directory.write('apps.yaml', TWO);
    await Promise.all([before, watch.reload()]);
    expect(names().at(-1)).toBe('one,two');
  });

  test('after it has stopped it does nothing more', async () => {
    await watch.stop();
    directory.write('apps.yaml', TWO);
    await watch.reload();
    expect(used).toEqual([]);
  });
});

test('what it gives is what the file says', async () => {
  await watch.reload();
  expect(used.map(({ defaultApp }) => defaultApp)).toEqual([
    readApps(ONE, directory.file).defaultApp,
  ]);
});
