import type { App, AppCredential } from '../graph/app.ts';
import { CLOUDS } from '../graph/clouds.ts';
import { type AppsFile, readApps } from './apps-file.ts';
import { readDocument, readText } from './bounded-file.ts';
import { tryToOpen } from './certificate-file.ts';
import type { EnvReader } from './env-reader.ts';

export interface AppsConfig {
  readonly apps: readonly App[];
  readonly defaultApp: string;
  /** The file of the apps and its content; null: they are from the environment. */
  readonly appsFile: (AppsFile & { readonly text: string }) | null;
}

export type CloudHosts = Omit<AppsFile, 'path'>;

const CREDENTIAL_VARIABLES = [
  'AZURE_CLIENT_SECRET',
  'AZURE_CLIENT_SECRET_FILE',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE',
  'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN',
] as const;

export function readCloudHosts(read: EnvReader): CloudHosts {
  const cloud = read.get('GRAPH_CLOUD');
  const hosts = CLOUDS[cloud];
  return {
    cloud,
    graphBaseUrl: read.get('GRAPH_BASE_URL') ?? `https://${hosts.graphHost}/v1.0`,
    authorityHost: read.get('AZURE_AUTHORITY_HOST') ?? `https://${hosts.authorityHost}`,
  };
}

export function readAppsConfig(read: EnvReader, hosts: CloudHosts): AppsConfig {
  const path = read.get('APPS_FILE');
  if (path !== null) return appsOf(read, { path, ...hosts });
  const app: App = {
    name: 'default',
    tenantId: read.required('AZURE_TENANT_ID'),
    clientId: read.required('AZURE_CLIENT_ID'),
    credential: readCredential(read),
    ...hosts,
    webhook: null,
  };
  return { apps: [app], defaultApp: app.name, appsFile: null };
}

/**
 * A credential in the environment would be ignored, and somebody might think that it is used. The
 * other variables of an app are allowed, because Azure's workload identity sets them in each pod.
 */
function appsOf(read: EnvReader, file: AppsFile): AppsConfig {
  const given = CREDENTIAL_VARIABLES.filter((name) => read.text(name) !== null);
  for (const name of given) {
    read.fault(`${name} contradicts APPS_FILE, whose apps have their own credentials`);
  }
  const none = { apps: [], defaultApp: '', appsFile: { ...file, text: '' } };
  return read.file('APPS_FILE', file.path, none, (path) => {
    const text = readDocument(path);
    return { ...readApps(text, file), appsFile: { ...file, text } };
  });
}

function readCredential(read: EnvReader): AppCredential {
  const secret = read.secret('AZURE_CLIENT_SECRET');
  const tokenFile = read.get('AZURE_FEDERATED_TOKEN_FILE');
  if (tokenFile !== null) read.file('AZURE_FEDERATED_TOKEN_FILE', tokenFile, null, readText);
  const given: (AppCredential | null)[] = [
    secret && { kind: 'secret', secret },
    readCertificate(read),
    tokenFile === null ? null : { kind: 'federated', tokenFile },
  ];
  const [credential, another] = given.filter((one) => one !== null);
  if (!credential || another) {
    read.fault(
      'give one credential: AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE' +
        (another ? ', not several' : ''),
    );
  }
  return credential ?? { kind: 'secret', secret: { value: '' } };
}

function readCertificate(read: EnvReader): AppCredential | null {
  const path = read.get('AZURE_CLIENT_CERTIFICATE_PATH');
  const password = read.secret('AZURE_CLIENT_CERTIFICATE_PASSWORD');
  const phrase = read.secretText('AZURE_CLIENT_CERTIFICATE_PASSWORD');
  const sendsChain = read.get('AZURE_CLIENT_SEND_CERTIFICATE_CHAIN');
  if (path === null) return null;
  // A password that cannot be read is already a fault.
  const isReadable = password === null || phrase !== null;
  read.file('AZURE_CLIENT_CERTIFICATE_PATH', path, null, (file) => {
    if (isReadable) tryToOpen(file, phrase);
    return null;
  });
  return { kind: 'certificate', path, password, sendsChain };
}
