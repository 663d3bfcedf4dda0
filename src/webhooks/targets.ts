import type { Call } from '../calls/call.ts';

/** The webhook of an app; its secrets are read each time. */
export interface AppWebhook {
  readonly url: string;
  secrets(): Promise<readonly string[]>;
}

export interface TargetRules {
  /** Names of hosts. `*.example.com` means all hosts below example.com. */
  readonly hosts: readonly string[];
  /** Default URL for calls without a webhook; any host is allowed. */
  readonly defaultUrl: string | null;
  /** The secrets of apps without a webhook. */
  readonly secrets: readonly string[];
  /** By the name of the app. It takes precedence over the default. */
  readonly webhookOf: (app: string) => AppWebhook | null;
}

/** Where events may be posted: only by https, and only to hosts that the operator named. */
export class Targets {
  readonly #rules: TargetRules;

  constructor(rules: TargetRules) {
    this.#rules = rules;
  }

  /** The URL for events of a call, or of an owner (which has no `webhookUrl`); null: none. */
  of(call: Pick<Call, 'app' | 'webhookUrl'>): string | null {
    const { webhookOf, defaultUrl } = this.#rules;
    return call.webhookUrl ?? webhookOf(call.app)?.url ?? defaultUrl;
  }

  async secretsOf(app: string): Promise<readonly string[]> {
    return (await this.#rules.webhookOf(app)?.secrets()) ?? this.#rules.secrets;
  }

  /** Why an app's events may not be posted to this URL; null if they may. */
  faultOf(text: string, app: string): string | null {
    const { hosts, defaultUrl, secrets, webhookOf } = this.#rules;
    const webhook = webhookOf(app);
    if (text === defaultUrl || text === webhook?.url) return null;
    const url = URL.parse(text);
    if (url?.protocol !== 'https:') return 'must be an https URL';
    if (!hosts.some((pattern) => isNamed(url.hostname, pattern))) {
      const names =
        hosts.length > 0 ? `the hosts of WEBHOOK_HOSTS are ${hosts.join(', ')}` : 'none is';
      return `its host ${url.hostname} is not allowed; ${names}`;
    }
    if (webhook !== null || secrets.length > 0) return null;
    return 'nothing signs it: neither WEBHOOK_SECRETS nor the app has a secret';
  }
}

function isNamed(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
