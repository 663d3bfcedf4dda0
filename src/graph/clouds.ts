export type CloudName = 'global' | 'us-gov-l4' | 'us-gov-l5' | 'china';

interface Cloud {
  readonly graphHost: string;
  readonly authorityHost: string;
  /** The issuer of access tokens of version 1, without the tenant's id. */
  readonly v1Issuer: string;
  /** Whether Microsoft offers `call: keepAlive`: https://learn.microsoft.com/graph/api/call-keepalive */
  readonly hasKeepAlive: boolean;
  /** The audience that makes a managed identity's token an app's assertion. */
  readonly tokenExchangeAudience: string;
}

/**
 * Host names of Microsoft's clouds: of Graph, and of the authority that issues tokens for it.
 * Sources: https://learn.microsoft.com/graph/deployments,
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud (whose
 * authorities name their `issuer` at /common/.well-known/openid-configuration) and
 * https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
 */
export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  global: {
    graphHost: 'graph.microsoft.com',
    authorityHost: 'login.microsoftonline.com',
    v1Issuer: 'https://sts.windows.net/',
    hasKeepAlive: true,
    tokenExchangeAudience: 'api://AzureADTokenExchange',
  },
  'us-gov-l4': {
    graphHost: 'graph.microsoft.us',
    authorityHost: 'login.microsoftonline.us',
    v1Issuer: 'https://sts.windows.net/',
    hasKeepAlive: true,
    tokenExchangeAudience: 'api://AzureADTokenExchangeUSGov',
  },
  'us-gov-l5': {
    graphHost: 'dod-graph.microsoft.us',
    authorityHost: 'login.microsoftonline.us',
    v1Issuer: 'https://sts.windows.net/',
    hasKeepAlive: true,
    tokenExchangeAudience: 'api://AzureADTokenExchangeUSGov',
  },
  china: {
    graphHost: 'microsoftgraph.chinacloudapi.cn',
    authorityHost: 'login.partner.microsoftonline.cn',
    v1Issuer: 'https://sts.chinacloudapi.cn/',
    hasKeepAlive: false,
    tokenExchangeAudience: 'api://AzureADTokenExchangeChina',
  },
};

/** Names of Microsoft 365's environments: https://learn.microsoft.com/graph/deployments */
export const CLOUD_ALIASES: Readonly<Record<string, CloudName>> = {
  gcc: 'global',
  'gcc-high': 'us-gov-l4',
  dod: 'us-gov-l5',
};
