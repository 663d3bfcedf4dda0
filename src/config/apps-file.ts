import { dirname, resolve } from 'node:path';
import type { App, AppCredential, AppSet, ManagedIdentity } from '../graph/app.ts';
import { CLOUD_ALIASES, CLOUDS, type CloudName } from '../graph/clouds.ts';
import { AppFiles } from './app-files.ts';
import {
  APPS_SCHEMA,
  type AppEntry,
  type CredentialEntry,
  type IdentityEntry,
} from './apps-schema.ts';
import { webhookTo } from './webhook-secret.ts';
import { YamlReader } from './yaml-reader.ts';

/** The file, and what the environment says about all apps. */
export interface AppsFile {
  readonly path: string;
  /** The cloud of apps that name none. */
  readonly cloud: CloudName;
  /** The addresses of Graph and the authority for that cloud. */
  readonly graphBaseUrl: string;
  readonly authorityHost: string;
}

type PathOf = (path: string) => string;

/**
 * Reads the apps, and checks the files of their credentials and webhooks.
 *
 * @param text the content of the file
 * @param onNamed called with the path of each file that it names
 * @throws DocumentError
 */
export function readApps(
  text: string,
  file: AppsFile,
  onNamed: (path: string) => void = () => undefined,
): AppSet {
  const pathOf: PathOf = (path) => resolve(dirname(file.path), path);
  const yaml = new YamlReader(text, APPS_SCHEMA);
  const files = new AppFiles(yaml, pathOf, onNamed);
  for (const [i, app] of (yaml.draft?.apps ?? []).entries()) files.check(app, `/apps/${i}`);
  refuseAmbiguous(yaml);
  const { apps } = yaml.whole();
  const defaultApp = apps.find((app) => app.default) ?? apps[0];
  return { apps: apps.map((app) => toApp(app, file, pathOf)), defaultApp: defaultApp?.name ?? '' };
}

/** If there are several apps, one must be the default: their order must not decide. */
function refuseAmbiguous(yaml: YamlReader<typeof APPS_SCHEMA>): void {
  const drafts = yaml.draft?.apps ?? [];
  const names = drafts.map((app, i) => [`/apps/${i}`, app?.name] as const);
  yaml.refuseRepeated(names, 'has the name of the app');
  const [first, second] = drafts.flatMap((app, i) => (app?.default ? [i] : []));
  if (second !== undefined) yaml.fault(`/apps/${second}`, 'must not be a second default');
  if (first === undefined && drafts.length > 1) {
    yaml.fault('/apps', 'must have `default: true` in one of them');
  }
}

function toApp(entry: AppEntry, file: AppsFile, pathOf: PathOf): App {
  const { name, tenantId, clientId, credential, webhook } = entry;
  const cloud = toCloud(entry.cloud) ?? file.cloud;
  const hosts = hostsOf(cloud, file);
  return {
    name,
    cloud,
    tenantId: tenantId.toLowerCase(),
    clientId: clientId.toLowerCase(),
    credential: toCredential(credential, pathOf),
    graphBaseUrl: withoutSlash(entry.graphBaseUrl ?? hosts.graphBaseUrl),
    authorityHost: withoutSlash(entry.authorityHost ?? hosts.authorityHost),
    webhook: webhook ? webhookTo(webhook.url, webhook.secretFiles.map(pathOf)) : null,
  };
}

function toCloud(name: string | undefined): CloudName | undefined {
  return CLOUD_ALIASES[name ?? ''] ?? (name as CloudName | undefined);
}

/** The environment names addresses for one cloud; apps of other clouds use the usual ones. */
function hostsOf(
  cloud: CloudName,
  file: AppsFile,
): { graphBaseUrl: string; authorityHost: string } {
  const { graphHost, authorityHost } = CLOUDS[cloud];
  if (cloud === file.cloud) return file;
  return { graphBaseUrl: `https://${graphHost}/v1.0`, authorityHost: `https://${authorityHost}` };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** The schema allows exactly one of the fields. */
function toCredential(entry: CredentialEntry, pathOf: PathOf): AppCredential {
  const { clientSecretFile, certificate, federatedTokenFile, managedIdentity } = entry;
  if (clientSecretFile) return { kind: 'secret', secret: { file: pathOf(clientSecretFile) } };
  if (federatedTokenFile) return { kind: 'federated', tokenFile: pathOf(federatedTokenFile) };
  if (managedIdentity) return { kind: 'managed-identity', identity: toIdentity(managedIdentity) };
  if (certificate) {
    const { file, passwordFile, sendChain = false } = certificate;
    const password = passwordFile === undefined ? null : { file: pathOf(passwordFile) };
    return { kind: 'certificate', path: pathOf(file), password, sendsChain: sendChain };
  }
  const identity = toIdentity(entry.federatedManagedIdentity as IdentityEntry);
  return { kind: 'federated-managed-identity', identity };
}

/** The schema allows exactly one of the ids. */
function toIdentity(entry: 'system' | IdentityEntry): ManagedIdentity {
  if (entry === 'system') return { by: 'system' };
  const { clientId, objectId, resourceId } = entry;
  if (clientId) return { by: 'clientId', id: clientId.toLowerCase() };
  if (objectId) return { by: 'objectId', id: objectId.toLowerCase() };
  return { by: 'resourceId', id: resourceId as string };
}
