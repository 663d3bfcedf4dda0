import type { CloudName } from './clouds.ts';

/** A file is read again at each token request, so that a secret is rotated without a restart. */
export type Secret = { value: string } | { file: string };

/** What an app proves its identity with to Entra. Files are read again at each token request. */
export type Credential =
  | { kind: 'secret'; secret: Secret }
  /**
   * PEM (certificate and private key in one file) or PFX; the content decides. `sendsChain` sends
   * Entra the certificate itself, for trust by subject name and issuer.
   */
  | { kind: 'certificate'; path: string; password: Secret | null; sendsChain: boolean }
  /** A file with an assertion of another issuer, such as Kubernetes (workload identity). */
  | { kind: 'federated'; tokenFile: string }
  /** The app is a managed identity of the machine: no proof is needed but to run there. */
  | { kind: 'managed-identity'; identity: ManagedIdentity }
  /** The app trusts a managed identity: a token of that one is the app's assertion. */
  | { kind: 'federated-managed-identity'; identity: ManagedIdentity };

/** The machine's own identity, or one assigned to it, and what it is named by. */
export type ManagedIdentity =
  | { by: 'system' }
  | { by: 'clientId' | 'objectId' | 'resourceId'; id: string };

/** Where an app is told of its calls. */
export interface Webhook {
  url: string;
  /**
   * What is sent is signed with each of them, so that they can be rotated; in the
   * form of the Standard Webhooks specification, `whsec_` or not. Read anew each time.
   *
   * @throws Error where one of the files cannot be read
   */
  secrets(): Promise<readonly string[]>;
}

/** Who asks Entra for tokens. */
export interface Identity {
  name: string;
  cloud: CloudName;
  /** Its own tenant; an app may be asked for tokens of another (a multi-tenant app). */
  tenantId: string;
  clientId: string;
  credential: Credential;
  /** `https://host[:port]`, no trailing slash. */
  authorityHost: string;
}

/** An app registration whose calls are kept alive. */
export interface App extends Identity {
  /** Includes the version, as in `https://graph.microsoft.com/v1.0`; no trailing slash. */
  graphBaseUrl: string;
  /** null: its calls are told of where those of all apps are, or at a webhook of their own. */
  webhook: Webhook | null;
}

/** The apps that are configured; they are replaced all together. */
export interface AppSet {
  readonly apps: readonly App[];
  /** Whose a call is that names no app. */
  readonly defaultApp: string;
}
