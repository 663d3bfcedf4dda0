import type { Call } from '../calls/call.ts';

export interface TargetRules {
  /** Names of hosts; one that begins with `*.` stands for all names below the rest. */
  readonly hosts: readonly string[];
  /** Where calls are told of that name no webhook; allowed whatever its host. */
  readonly defaultUrl: string | null;
}

/** Where may be told of calls: over https, and only to hosts that the operator named. */
export class Targets {
  readonly #rules: TargetRules;

  constructor(rules: TargetRules) {
    this.#rules = rules;
  }

  /** Where to tell of a call; null: nowhere. */
  of(call: Call): string | null {
    return call.webhookUrl ?? this.#rules.defaultUrl;
  }

  /** Why nothing may be told there, or null. */
  faultOf(text: string): string | null {
    const { hosts, defaultUrl } = this.#rules;
    if (text === defaultUrl) return null;
    const url = URL.parse(text);
    if (url?.protocol !== 'https:') return 'must be an https URL';
    if (hosts.some((pattern) => isNamed(url.hostname, pattern))) return null;
    const names =
      hosts.length > 0 ? `the hosts of WEBHOOK_HOSTS are ${hosts.join(', ')}` : 'none is';
    return `its host ${url.hostname} is not one that may be told; ${names}`;
  }
}

function isNamed(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
