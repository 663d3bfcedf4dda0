import type { App, Credential, ManagedIdentity, Webhook } from '../graph/app.ts';
import { CLOUD_ALIASES, CLOUDS, type CloudName } from '../graph/clouds.ts';
import { FileError, readText } from './bounded-file.ts';
import { tryToOpen } from './certificate-file.ts';
import { GRAPH_URL, GUID, isPlaceholder, SERVICE_URL, type UrlRule } from './checks.ts';
import { PLACEHOLDER } from './parsers.ts';
import { readWebhookSecret, webhookTo } from './webhook-secret.ts';
import type { Place, YamlReader } from './yaml-reader.ts';

export interface AppDefaults {
  /** Resolves a path of the file, which may be relative. */
  readonly pathOf: (path: string) => string;
  readonly defaultCloud: CloudName;
  readonly hostsOf: (cloud: CloudName) => { graphBaseUrl: string; authorityHost: string };
}

const CREDENTIALS = [
  'clientSecretFile',
  'certificate',
  'federatedTokenFile',
  'managedIdentity',
  'federatedManagedIdentity',
] as const;
/** Stands in for a faulty app; it is never used. */
const NONE: Credential = { kind: 'secret', secret: { value: '' } };

/** Reads one app. The result must not be used if there are faults. */
export class AppReader {
  readonly #yaml: YamlReader;
  readonly #defaults: AppDefaults;

  constructor(yaml: YamlReader, defaults: AppDefaults) {
    this.#yaml = yaml;
    this.#defaults = defaults;
  }

  read(place: Place): { app: App; isDefault: boolean } {
    const { of } = this.#yaml.fields(place, [
      'name',
      'default',
      'cloud',
      'tenantId',
      'clientId',
      'credential',
      'webhook',
      'graphBaseUrl',
      'authorityHost',
    ]) ?? { of: null };
    const required = <T>(field: Place | null | undefined, name: string, read: (it: Place) => T) => {
      if (field) return read(field);
      if (of) this.#yaml.fault(place, `lacks ${name}`);
      return null;
    };
    const cloud = of?.cloud ? this.#cloud(of.cloud) : this.#defaults.defaultCloud;
    const hosts = this.#defaults.hostsOf(cloud);
    const app = {
      name: required(of?.name, 'name', (it) => this.#yaml.name(it)) ?? '',
      cloud,
      tenantId: required(of?.tenantId, 'tenantId', (it) => this.#guid(it)) ?? '',
      clientId: required(of?.clientId, 'clientId', (it) => this.#guid(it)) ?? '',
      credential: required(of?.credential, 'credential', (it) => this.#credential(it)) ?? NONE,
      graphBaseUrl: of?.graphBaseUrl ? this.#url(of.graphBaseUrl, GRAPH_URL) : hosts.graphBaseUrl,
      authorityHost: of?.authorityHost
        ? this.#url(of.authorityHost, SERVICE_URL)
        : hosts.authorityHost,
      webhook: of?.webhook ? this.#webhook(of.webhook) : null,
    };
    return { app, isDefault: of?.default ? this.#truth(of.default) : false };
  }

  #guid(place: Place): string {
    const guid = this.#yaml.text(place, (text) => GUID.test(text), 'must be a GUID');
    if (guid !== '' && isPlaceholder(guid)) this.#yaml.fault(place, PLACEHOLDER);
    return guid.toLowerCase();
  }

  #cloud(place: Place): CloudName {
    const names = [...Object.keys(CLOUDS), ...Object.keys(CLOUD_ALIASES)];
    const expected = `must be one of ${names.join(', ')}`;
    const name = this.#yaml.text(place, (text) => names.includes(text), expected);
    if (name === '') return this.#defaults.defaultCloud;
    return CLOUD_ALIASES[name] ?? (name as CloudName);
  }

  #url(place: Place, { isRight, expected }: UrlRule): string {
    return this.#yaml.text(place, isRight, expected).replace(/\/+$/, '');
  }

  #truth(place: Place): boolean {
    const value = this.#yaml.scalar(place);
    if (typeof value !== 'boolean') this.#yaml.fault(place, 'must be true or false');
    return value === true;
  }

  #credential(place: Place): Credential {
    const fields = this.#yaml.fields(place, CREDENTIALS);
    if (fields === null) return NONE;
    const given = CREDENTIALS.flatMap((name) => {
      const field = fields.of[name];
      return field ? [this.#credentialBy(name, field)] : [];
    });
    if (given.length !== 1) this.#yaml.fault(place, `must have one of ${CREDENTIALS.join(', ')}`);
    return given[0] ?? NONE;
  }

  #credentialBy(name: (typeof CREDENTIALS)[number], place: Place): Credential {
    switch (name) {
      case 'clientSecretFile':
        return { kind: 'secret', secret: { file: this.#file(place, readText) } };
      case 'federatedTokenFile':
        return { kind: 'federated', tokenFile: this.#file(place, readText) };
      case 'certificate':
        return this.#certificate(place);
      case 'managedIdentity':
        return { kind: 'managed-identity', identity: this.#identity(place, true) };
      case 'federatedManagedIdentity':
        return { kind: 'federated-managed-identity', identity: this.#identity(place, false) };
    }
  }

  #certificate(place: Place): Credential {
    const { of } = this.#yaml.fields(place, ['file', 'passwordFile', 'sendChain']) ?? { of: null };
    if (of && !of.file) this.#yaml.fault(place, 'lacks file');
    const passwordFile = of?.passwordFile ? this.#file(of.passwordFile, readText) : null;
    // A password that cannot be read has its own fault.
    const open = (file: string) =>
      passwordFile === '' || tryToOpen(file, passwordFile && readText(passwordFile));
    const path = of?.file ? this.#file(of.file, open) : '';
    return {
      kind: 'certificate',
      path,
      password: passwordFile === null ? null : { file: passwordFile },
      sendsChain: of?.sendChain ? this.#truth(of.sendChain) : false,
    };
  }

  /**
   * @param mayBeSystem false if only user-assigned identities are possible, as for an app's trust
   */
  #identity(place: Place, mayBeSystem: boolean): ManagedIdentity {
    const names = ['clientId', 'objectId', 'resourceId'] as const;
    if (mayBeSystem && this.#yaml.scalar(place) === 'system') return { by: 'system' };
    const system = mayBeSystem ? 'must be `system`, or' : 'must be';
    const expected = `${system} a mapping with one of ${names.join(', ')}`;
    if (!this.#yaml.isMapping(place)) {
      this.#yaml.fault(place, expected);
      return { by: 'system' };
    }
    const fields = this.#yaml.fields(place, names);
    const given = names.flatMap((by) => {
      const field = fields?.of[by];
      if (!field) return [];
      return [{ by, id: by === 'resourceId' ? this.#resourceId(field) : this.#guid(field) }];
    });
    if (given.length !== 1) this.#yaml.fault(place, expected);
    return given[0] ?? { by: 'system' };
  }

  #resourceId(place: Place): string {
    const isOne = (text: string) => /^\/subscriptions\/[\x21-\x7e]{1,1000}$/i.test(text);
    return this.#yaml.text(place, isOne, 'must be a resource id: /subscriptions/…');
  }

  #webhook(place: Place): Webhook | null {
    const { of } = this.#yaml.fields(place, ['url', 'secretFiles']) ?? { of: null };
    if (of === null) return null;
    if (!of.url) this.#yaml.fault(place, 'lacks url');
    if (!of.secretFiles) this.#yaml.fault(place, 'lacks secretFiles');
    const url = of.url ? this.#webhookUrl(of.url) : '';
    const files = of.secretFiles ? this.#yaml.items(of.secretFiles) : [];
    return webhookTo(
      url,
      files.map((file) => this.#file(file, readWebhookSecret)),
    );
  }

  #webhookUrl(place: Place): string {
    const isOne = (text: string) => {
      const url = text.length <= 2048 ? URL.parse(text) : null;
      return url?.protocol === 'https:' && !url.username && !url.password && !url.hash;
    };
    return this.#yaml.text(place, isOne, 'must be an https:// URL without credentials or fragment');
  }

  /**
   * The path of a usable file; '' if there is a fault. Messages never contain the path, because
   * somebody may have written a secret in its place.
   *
   * @param use throws if the file cannot be used
   */
  #file(place: Place, use: (path: string) => unknown): string {
    const text = this.#yaml.text(place, (path) => path !== '', 'must be the path of a file');
    if (text === '') return '';
    const path = this.#defaults.pathOf(text);
    try {
      use(path);
      return path;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#yaml.fault(place, `names a file that ${error.reason}`);
      return '';
    }
  }
}
