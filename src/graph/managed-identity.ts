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
 * MSAL makes what it asks a managed identity's endpoint with once in a process,
 * from the first application, whichever comes after it. So all have this one,
 * which sends by the network of the acquisition that is under way.
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
 * Asks the machine for a token of a managed identity, by MSAL and past its
 * cache. What the machine is (App Service, Container Apps, a virtual machine
 * and its IMDS, Arc…) MSAL sees from the environment variables that are set
 * there, once in a process. The machine has a cache of its own: it may give a
 * token again that Graph has refused.
 *
 * @param resource whom the token is for: `https://graph.microsoft.com`, `api://…`
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
    // For MSAL a token without `expires_on` expires now, rounded up: each call would ask again.
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
