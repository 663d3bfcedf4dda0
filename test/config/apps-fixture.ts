import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { generate } from 'selfsigned';
import { type AppsFile, readApps } from '../../src/config/apps-file.ts';
import { DocumentError } from '../../src/config/yaml-reader.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const CLIENT = '22222222-2222-4222-8222-222222222222';
export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** A directory with the files that apps name. */
export class AppsDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'callkeeper-apps-'));

  async fill(): Promise<this> {
    const identity = await generate([{ name: 'commonName', value: 'bot' }], {
      algorithm: 'sha256',
    });
    this.write('secret', 'the-client-secret\n');
    this.write('token', 'an-assertion');
    this.write('bot.pem', `${identity.private}\n${identity.cert}`);
    this.write('password', 'the-password');
    this.write('webhook', `${WEBHOOK_SECRET}\n`);
    this.write('empty', '\n');
    return this;
  }

  /** @returns the path */
  write(name: string, content: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  get file(): AppsFile {
    return {
      path: join(this.path, 'apps.yaml'),
      cloud: 'global',
      graphBaseUrl: 'https://graph.microsoft.com/v1.0',
      authorityHost: 'https://login.microsoftonline.com',
    };
  }

  faults(text: string): readonly string[] {
    try {
      readApps(text, this.file);
      return [];
    } catch (error) {
      if (error instanceof DocumentError) return error.faults;
      throw error;
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** An app in YAML; `lines` replace its lines or are added. */
export function anApp(name: string, lines: Readonly<Record<string, string>> = {}): string {
  const fields = {
    name,
    tenantId: TENANT,
    clientId: CLIENT,
    credential: '{ clientSecretFile: secret }',
    ...lines,
  };
  const told = Object.entries(fields).filter(([, value]) => value !== '');
  return `  - ${told.map(([field, value]) => `${field}: ${value}`).join('\n    ')}\n`;
}

export const apps = (...list: string[]) => `apps:\n${list.join('')}`;
