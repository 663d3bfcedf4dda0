import type { CloudName } from './clouds.ts';

/** A file is read anew at each token request, so that a secret is rotated without a restart. */
export type Secret = { value: string } | { file: string };

/** What an app proves its identity with to Entra. Files are read anew at each token request. */
export type Credential =
  | { kind: 'secret'; secret: Secret }
  /** PEM (certificate and private key in one file) or PFX, told apart by content. */
  | { kind: 'certificate'; path: string; password: Secret | null }
  /** A file with an assertion of another issuer, such as Kubernetes (workload identity). */
  | { kind: 'federated'; tokenFile: string };

/** An app registration whose calls are kept alive. */
export interface App {
  name: string;
  cloud: CloudName;
  /** The app's own tenant; a call may name another (a multi-tenant app). */
  tenantId: string;
  clientId: string;
  credential: Credential;
  /** Includes the version, as in `https://graph.microsoft.com/v1.0`; no trailing slash. */
  graphBaseUrl: string;
  /** `https://host[:port]`, no trailing slash. */
  authorityHost: string;
}
