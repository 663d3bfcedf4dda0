import { Authenticator } from '../access/authenticator.ts';
import type { EntraTokensOptions } from '../access/entra-tokens.ts';
import type { KeyHolder } from '../access/key-ring.ts';
import { readAccess } from '../config/access-file.ts';
import { FileWatch } from '../config/file-watch.ts';
import type { Context } from './context.ts';

export interface AccessNeeds {
  readonly keyFetching: Omit<EntraTokensOptions, 'tenants' | 'audiences'>;
}

export function openAccess({ config, metrics, watched }: Context, { keyFetching }: AccessNeeds) {
  const { accessFile } = config;
  const access = new Authenticator({
    apiKeys: config.apiKeys ?? [],
    holders: accessFile?.holders ?? null,
    entra: config.entra && { ...config.entra, ...keyFetching },
    now: keyFetching.now,
  });
  const watch =
    accessFile &&
    new FileWatch<readonly KeyHolder[]>({
      ...watched,
      file: {
        ...accessFile,
        variable: 'ACCESS_FILE',
        subject: 'the keys',
        read: readAccess,
        use: (holders) => access.useHolders(holders),
        logFields: (holders) => ({
          audit: true,
          action: 'reload',
          clients: holders.map(({ name }) => name),
        }),
        reloaded: (outcome) => metrics.accessReloaded(outcome),
      },
    });
  return {
    access,
    start: () => watch?.start(),
    reload: () => watch?.reload(),
    [Symbol.asyncDispose]: async () => watch?.stop(),
  };
}
