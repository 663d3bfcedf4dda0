import type { EntraTenant } from '../access/entra-tokens.ts';
import type { KeyHolder } from '../access/key-ring.ts';
import { CLOUDS } from '../graph/clouds.ts';
import { readAccess } from './access-file.ts';
import type { CloudHosts } from './apps-variables.ts';
import { readDocument } from './bounded-file.ts';
import { isLoopback } from './checks.ts';
import type { EnvReader } from './env-reader.ts';

export interface AccessConfig {
  /** null if there is only the file, or only tokens of Entra, or no key is required. */
  readonly apiKeys: readonly string[] | null;
  readonly accessFile: AccessFile | null;
  readonly entra: EntraAccess | null;
  /** No keys and no AUTH=none: only this machine may send requests. */
  readonly loopbackOnly: boolean;
}

/** The clients of ACCESS_FILE, and the content that they were read from. */
export interface AccessFile {
  readonly path: string;
  readonly text: string;
  readonly holders: readonly KeyHolder[];
}

export interface EntraAccess {
  readonly audiences: readonly string[];
  readonly tenants: ReadonlyMap<string, EntraTenant>;
}

/** Stands in for a faulty file; it is never used. */
const NO_ACCESS: AccessFile = { path: '', text: '', holders: [] };

export function readAccessConfig(read: EnvReader, host: string, hosts: CloudHosts): AccessConfig {
  const given = {
    apiKeys: read.get('API_KEYS'),
    accessFile: readAccessFile(read),
    entra: readEntra(read, hosts),
  };
  return { ...given, loopbackOnly: isLoopbackOnly(read, host, given) };
}

function readAccessFile(read: EnvReader): AccessFile | null {
  const path = read.get('ACCESS_FILE');
  if (path === null) return null;
  return read.file('ACCESS_FILE', path, NO_ACCESS, () => {
    const text = readDocument(path);
    return { path, text, holders: readAccess(text) };
  });
}

function readEntra(read: EnvReader, hosts: CloudHosts): EntraAccess | null {
  const tenants = read.get('ENTRA_TENANTS').map((id) => id.toLowerCase());
  const audiences = read.get('ENTRA_AUDIENCES');
  const hasTenants = read.isGiven('ENTRA_TENANTS');
  const hasAudiences = read.isGiven('ENTRA_AUDIENCES');
  if (!hasAudiences && !hasTenants) return null;
  if (!hasAudiences) read.fault('ENTRA_AUDIENCES is missing: the audiences that tokens must have');
  if (!hasTenants) read.fault('ENTRA_TENANTS is missing: the tenants whose tokens are accepted');
  return { audiences, tenants: new Map(tenants.map((id) => [id, entraTenant(id, hosts)])) };
}

/**
 * Where to find a tenant's keys, and the issuers of its tokens in both versions. They name the
 * cloud's own authority, even if another host stands in for it.
 * https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats
 */
function entraTenant(id: string, { cloud, authorityHost }: CloudHosts): EntraTenant {
  const { v1Issuer, authorityHost: itsOwn } = CLOUDS[cloud];
  const authorities = new Set([`https://${itsOwn}`, authorityHost]);
  return {
    openIdUrl: `${authorityHost}/${id}/v2.0/.well-known/openid-configuration`,
    issuers: [`${v1Issuer}${id}/`, ...[...authorities].map((of) => `${of}/${id}/v2.0`)],
  };
}

/** @returns whether only this machine may send requests */
function isLoopbackOnly(
  read: EnvReader,
  host: string,
  access: Omit<AccessConfig, 'loopbackOnly'>,
): boolean {
  const auth = read.text('AUTH');
  const [given] = [
    access.apiKeys && 'API_KEYS',
    access.accessFile && 'ACCESS_FILE',
    access.entra && 'ENTRA_AUDIENCES',
  ].filter((name) => name !== null);
  if (read.get('AUTH') === 'none' && given !== undefined) {
    read.fault(`AUTH=none contradicts ${given}: give one of them`);
  } else if (auth === null && given === undefined && !isLoopback(host)) {
    read.fault(
      `HOST ${host} can be reached from elsewhere: set API_KEYS, ACCESS_FILE or ENTRA_AUDIENCES, or AUTH=none if something in front of it checks who asks`,
    );
  }
  return auth === null && given === undefined;
}
