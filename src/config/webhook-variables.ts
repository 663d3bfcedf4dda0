import { isIP } from 'node:net';
import type { EnvReader } from './env-reader.ts';
import { isWebhookSecret } from './webhook-secret.ts';

export interface WebhookConfig {
  /** `whsec_` and base64, as Standard Webhooks has them; none where only apps have some. */
  readonly secrets: readonly string[];
  /** Names in lower case, also as `*.example.com`. */
  readonly hosts: readonly string[];
  readonly defaultUrl: string | null;
  readonly allowPrivate: boolean;
}

const WEBHOOK_HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** null: nobody is told by webhook. Apps may have some at any time where there is APPS_FILE. */
export function readWebhookConfig(read: EnvReader): WebhookConfig | null {
  const secrets = read.secretList('WEBHOOK_SECRETS') ?? [];
  const hosts = read.list('WEBHOOK_HOSTS').map((host) => host.toLowerCase());
  const defaultUrl = read.text('WEBHOOK_URL');
  const allowPrivate = read.oneOf('WEBHOOK_ALLOW_PRIVATE', ['true', 'false'], 'false') === 'true';
  if (secrets.some((secret) => !isWhole(secret))) {
    read.fault('WEBHOOK_SECRETS: each must be whsec_ and 24 to 64 bytes in base64');
  }
  if (hosts.some((host) => !WEBHOOK_HOST.test(host) && isIP(host) === 0)) {
    read.fault('WEBHOOK_HOSTS: each must be a host name, or *. and a host name');
  }
  const url = defaultUrl === null ? null : URL.parse(defaultUrl);
  if (defaultUrl !== null && (url?.protocol !== 'https:' || url.username || url.password)) {
    read.fault('WEBHOOK_URL must be an https:// URL without a user');
  }
  const webhooks = { secrets, hosts, defaultUrl, allowPrivate };
  if (secrets.length > 0) return webhooks;
  const ofApps = read.text('APPS_FILE') !== null;
  if (defaultUrl !== null || (hosts.length > 0 && !ofApps)) {
    read.fault('WEBHOOK_SECRETS is missing: with it webhooks are signed');
  }
  return ofApps ? webhooks : null;
}

/** With its prefix, and padded: one that was cut short where it was copied is not. */
function isWhole(secret: string): boolean {
  const [, base64] = secret.split('whsec_');
  return base64 !== undefined && base64.length % 4 === 0 && isWebhookSecret(secret);
}
