import type { EnvReader } from './env-reader.ts';

export interface WebhookConfig {
  /** `whsec_` and base64; empty if only apps have secrets. */
  readonly secrets: readonly string[];
  /** Names in lower case, or patterns such as `*.example.com`. */
  readonly hosts: readonly string[];
  readonly defaultUrl: string | null;
  readonly allowPrivate: boolean;
}

/**
 * null: there are no webhooks. With APPS_FILE there may be some at any time, so it is not null
 * then.
 */
export function readWebhookConfig(read: EnvReader): WebhookConfig | null {
  const webhooks = {
    secrets: read.get('WEBHOOK_SECRETS'),
    hosts: read.get('WEBHOOK_HOSTS'),
    defaultUrl: read.get('WEBHOOK_URL'),
    allowPrivate: read.get('WEBHOOK_ALLOW_PRIVATE'),
  };
  if (read.isGiven('WEBHOOK_SECRETS')) return webhooks;
  const hasApps = read.text('APPS_FILE') !== null;
  const wantsSome = read.isGiven('WEBHOOK_URL') || (read.isGiven('WEBHOOK_HOSTS') && !hasApps);
  if (wantsSome) read.fault('WEBHOOK_SECRETS is missing: they sign the webhooks');
  return hasApps ? webhooks : null;
}
