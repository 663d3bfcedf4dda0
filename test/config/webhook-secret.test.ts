import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { webhookTo } from '../../src/config/webhook-secret.ts';

test('a webhook is signed with the secrets that can be read, although one file hangs', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-webhook-secret-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const [hanging, good] = [join(directory, 'hanging'), join(directory, 'good')];
  execFileSync('mkfifo', [hanging]);
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  writeFileSync(good, secret);
  const { secrets } = webhookTo('https://bot.example/events', [hanging, good]);
  expect(await Promise.all([secrets(), secrets()])).toEqual([[secret], [secret]]);
  await writeFile(hanging, ''); // ends the one read that hangs
});
