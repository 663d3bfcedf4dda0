import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type INetworkModule,
  ManagedIdentityApplication,
  type ManagedIdentityIdParams,
  type NetworkRequestOptions,
} from '@azure/msal-node';
import type { ManagedIdentity } from './app.ts';
import { MsalNetwork, type MsalOptions, readToken, SILENT } from './msal-network.ts';
import type { Token } from './token-cache.ts';

/**
 * MSAL creates its network for managed identities once per process, from the first application, and
 * uses it for all later ones. So all of them get this one, which uses the network of the current
 * acquisition.
 */
const underWay = new AsyncLocalStorage<MsalNetwork>();
const network: INetworkModule = {
  sendGetRequestAsync: <T>(url: string, options?: NetworkRequestOptions) =>
    ofAcquisition().sendGetRequestAsync<T>(url, options),
  sendPostRequestAsync: <T>(url: string, options?: NetworkRequestOptions) =>
    ofAcquisition().sendPostRequestAsync<T>(url, options),
};

function ofAcquisition(): MsalNetwork {
  const acquisition = underWay.getStore();
  if (acquisition === undefined) throw new Error('asked for outside of an acquisition');
  return acquisition;
}

const LEAST_MS = 1_000;

/**
 * Gets a token of a managed identity from the machine. MSAL recognises the kind of machine (App
 * Service, Container Apps, a virtual machine with IMDS, Arc…) by its environment variables, once
 * per process. The machine has its own cache, so it may return a token that Graph has refused.
 *
 * @param resource the audience of the token: `https://graph.microsoft.com`, `api://…`
 * @throws TokenError
 */
export async function acquireManagedToken(
  identity: ManagedIdentity,
  resource: string,
  options: MsalOptions,
): Promise<Token> {
  const acquisition = new MsalNetwork(options);
  try {
    const application = new ManagedIdentityApplication({
      managedIdentityIdParams: idParams(identity),
      system: { networkClient: network, disableInternalRetries: true, loggerOptions: SILENT },
    });
    const request = { resource, forceRefresh: true };
    const token = readToken(
      await underWay.run(acquisition, () => application.acquireToken(request)),
    );
    // For MSAL a token without `expires_on` expires now, so each call would get a new one.
    if (token.lifetimeMs <= LEAST_MS) throw new Error('the token in the answer has no time left');
    return token;
  } catch (error) {
    throw acquisition.toTokenError(error);
  }
}

function idParams(identity: ManagedIdentity): ManagedIdentityIdParams {
  switch (identity.by) {
    case 'system':
      return {};
    case 'clientId':
      return { userAssignedClientId: identity.id };
    case 'objectId':
      return { userAssignedObjectId: identity.id };
    case 'resourceId':
      return { userAssignedResourceId: identity.id };
  }
}
