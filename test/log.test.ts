import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = new URL('../src/log.ts', import.meta.url).href;

/** A process that does as told with a log on the stdout it is given; its exit code or signal, and its stderr. */
async function aProcess(body: string, stdout: 'pipe' | number) {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', stdout, 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const [exitCode, signal] = await once(child, 'exit');
  return { exitCode, signal, stderr };
}

const FILL = "for (let i = 0; i < 20_000; i++) log.info({ i }, 'x'.repeat(100));";

test('all that was told is written before the end', async () => {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${FILL}
    log.fatal('the last');
    await exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  const [[exitCode]] = await Promise.all([once(child, 'exit'), once(child.stdout as never, 'end')]);
  expect(exitCode).toBe(3);
  const lines = told.trimEnd().split('\n');
  expect(lines).toHaveLength(20_001);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'the last' });
});

test('a reader that stands still holds up neither what is fatal nor the end', async () => {
  // Nobody reads the pipe.
  const { signal, stderr } = await aProcess(
    `${FILL} log.fatal('it'); process.stderr.write('goes on'); await exit(1);`,
    'pipe',
  );
  expect(stderr).toBe('goes on');
  expect(signal).toBe('SIGKILL');
});

test('a disk that is full is no reason to stop', async () => {
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const { exitCode, stderr } = await aProcess(
    `process.on('uncaughtException', (err) => process.stderr.write(err.message));
     log.info('a'); setTimeout(async () => { log.fatal('b'); process.stderr.write('goes on'); await exit(4); }, 300);`,
    full,
  );
  expect(stderr).toBe('goes on');
  expect(exitCode).toBe(4);
});
