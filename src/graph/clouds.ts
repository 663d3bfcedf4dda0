export type CloudName = 'global' | 'us-gov-l4' | 'us-gov-l5' | 'china';

/**
 * Host names of Microsoft's clouds: of Graph, and of the authority that issues tokens for it.
 * Sources: https://learn.microsoft.com/graph/deployments and
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export const CLOUDS: Record<CloudName, { graphHost: string; authorityHost: string }> = {
  global: { graphHost: 'graph.microsoft.com', authorityHost: 'login.microsoftonline.com' },
  'us-gov-l4': { graphHost: 'graph.microsoft.us', authorityHost: 'login.microsoftonline.us' },
  'us-gov-l5': { graphHost: 'dod-graph.microsoft.us', authorityHost: 'login.microsoftonline.us' },
  china: {
    graphHost: 'microsoftgraph.chinacloudapi.cn',
    authorityHost: 'login.partner.microsoftonline.cn',
  },
};
