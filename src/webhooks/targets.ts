import type { Call } from '../calls/call.ts';

/** Where to post, and the secrets that sign, which are read each time. */
export interface Webhook {
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
  /** The configured apps by name. An app's own webhook takes precedence over the default. */
  readonly apps: () => ReadonlyMap<string, { readonly webhook: Webhook | null }>;
}

/** A call, or an owner, whose `webhookUrl` is null. */
export type Addressee = Pick<Call, 'app' | 'webhookUrl'>;

/** `fault`: why events cannot be posted now. The configuration may change until the next attempt. */
export type Target = Webhook | { readonly fault: string };

/** Where events may be posted: only by https, and only to hosts that the operator named. */
export class Targets {
  readonly #rules: TargetRules;

  constructor(rules: TargetRules) {
    this.#rules = rules;
  }

  /**
   * Whether to queue events. Events of an unknown app are queued too: another replica may have read
   * APPS_FILE earlier, or the app may come back.
   */
  hasWebhook({ app, webhookUrl }: Addressee): boolean {
    const { apps, defaultUrl } = this.#rules;
    return (webhookUrl ?? defaultUrl) !== null || apps().get(app)?.webhook !== null;
  }

  /** Uses the current configuration, so ask again for each attempt. */
  of({ app, webhookUrl }: Addressee): Target {
    const { apps, defaultUrl, secrets } = this.#rules;
    const configured = apps().get(app);
    // The default must not take its place: the app may have its own webhook and secrets.
    if (configured === undefined) return { fault: `no app "${app}" is configured` };
    const { webhook } = configured;
    const url = webhookUrl ?? webhook?.url ?? defaultUrl;
    if (url === null) return { fault: `neither the app "${app}" nor WEBHOOK_URL names a webhook` };
    const fault = this.faultOf(url, app);
    if (fault !== null) return { fault: `${withoutQuery(url)}: ${fault}` };
    return { url, secrets: async () => (await webhook?.secrets()) ?? secrets };
  }

  /** Why an app's events may not be posted to this URL; null if they may. */
  faultOf(text: string, app: string): string | null {
    const { hosts, defaultUrl, secrets, apps } = this.#rules;
    const webhook = apps().get(app)?.webhook ?? null;
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

/** For the log: a query may contain a secret. */
export function withoutQuery(url: string): string {
  return url.split('?')[0] ?? '';
}
