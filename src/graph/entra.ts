import { ConfidentialClientApplication } from '@azure/msal-node';
import type { AppIdentity } from './app.ts';
import type { ClientProof } from './credential.ts';
import { MsalNetwork, type MsalOptions, readToken, SILENT } from './msal-network.ts';
import type { Token } from './token-cache.ts';

/**
 * Gets an app-only token in a tenant from Entra. It uses a new MSAL client each time: after a 429
 * or 5xx, a client refuses requests for a minute or more, and its cache returns revoked tokens.
 *
 * @param scope such as `https://graph.microsoft.com/.default`
 * @param claims a claims challenge of Graph, as JSON
 * @throws TokenError
 */
export async function acquireToken(
  app: AppIdentity,
  proof: ClientProof,
  tenantId: string,
  scope: string,
  claims: string | null,
  options: MsalOptions,
): Promise<Token> {
  const network = new MsalNetwork(options);
  try {
    const client = createClient(app, proof, tenantId, network);
    const result = await client.acquireTokenByClientCredential({
      scopes: [scope],
      skipCache: true,
      azureRegion: 'DisableMsalForceRegion', // or MSAL reads the region from process.env
      ...(claims === null ? {} : { claims }),
    });
    return readToken(result);
  } catch (error) {
    throw network.toTokenError(error);
  }
}

function createClient(
  app: AppIdentity,
  proof: ClientProof,
  tenantId: string,
  networkClient: MsalNetwork,
): ConfidentialClientApplication {
  return new ConfidentialClientApplication({
    auth: {
      clientId: app.clientId,
      authority: `${app.authorityHost}/${tenantId}`,
      // Without it, MSAL asks the public cloud whether to trust the host.
      knownAuthorities: [new URL(app.authorityHost).host],
      ...proof,
    },
    system: { networkClient, disableInternalRetries: true, loggerOptions: SILENT },
  });
}
