import type { CloudName } from './clouds.ts';

/** A file is read at each token request, so that a secret can be rotated. */
export type Secret = { value: string } | { file: string };

/** How an app proves its identity to Entra. Files are read as for {@link Secret}. */
export type AppCredential =
  | { kind: 'secret'; secret: Secret }
  /**
   * PEM (certificate and private key in one file) or PFX; the content decides. `sendsChain` sends
   * Entra the certificate itself, for trust by subject name and issuer.
   */
  | { kind: 'certificate'; path: string; password: Secret | null; sendsChain: boolean }
  /** A file with an assertion of another issuer, such as Kubernetes (workload identity). */
  | { kind: 'federated'; tokenFile: string }
  /** The app is a managed identity of the machine, so it needs no secret. */
  | { kind: 'managed-identity'; identity: ManagedIdentity }
  /** The app trusts a managed identity, whose token is the app's assertion. */
  | { kind: 'federated-managed-identity'; identity: ManagedIdentity };

/** The machine's own identity (`system`), or one assigned to it. */
export type ManagedIdentity =
  | { by: 'system' }
  | { by: 'clientId' | 'objectId' | 'resourceId'; id: string };

export interface Webhook {
  url: string;
  /**
   * Each secret signs, so that they can be rotated. In the form of Standard Webhooks, with or
   * without `whsec_`. The files are read each time.
   *
   * @throws Error if a file cannot be read
   */
  secrets(): Promise<readonly string[]>;
}

export interface AppIdentity {
  name: string;
  cloud: CloudName;
  /** Its own tenant. A multi-tenant app also gets tokens for others. */
  tenantId: string;
  clientId: string;
  credential: AppCredential;
  /** `https://host[:port]`, without a trailing slash. */
  authorityHost: string;
}

export interface App extends AppIdentity {
  /** Includes the version, as in `https://graph.microsoft.com/v1.0`; no trailing slash. */
  graphBaseUrl: string;
  /** null: only calls with their own webhook, or WEBHOOK_URL, get events. */
  webhook: Webhook | null;
}

/** The configured apps; they are replaced together. */
export interface AppSet {
  readonly apps: readonly App[];
  readonly defaultApp: string;
}
