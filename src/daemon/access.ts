import { Access } from '../access/access.ts';
import type { EntraTokensOptions } from '../access/entra-tokens.ts';
import type { KeyHolder } from '../access/key-ring.ts';
import { readAccess } from '../config/access-file.ts';
import { FileWatch, type FileWatchOptions } from '../config/file-watch.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface AccessParts {
  readonly config: Config;
  readonly metrics: Metrics;
  /** How Entra's keys are fetched. */
  readonly tokens: Pick<EntraTokensOptions, 'fetch' | 'timeoutMs' | 'now'>;
  readonly watched: Omit<FileWatchOptions<readonly KeyHolder[]>, 'file'>;
}

/** Who may come in, as ACCESS_FILE says by now; `watch` is null where there is none. */
export function configureAccess({ config, metrics, tokens, watched }: AccessParts) {
  const { accessFile } = config;
  const access = new Access({
    apiKeys: config.apiKeys ?? [],
    holders: accessFile?.holders ?? null,
    entra: config.entra && { ...config.entra, ...tokens },
    now: tokens.now,
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
        told: (holders) => ({
          audit: true,
          action: 'reload',
          clients: holders.map(({ name }) => name),
        }),
        reloaded: (outcome) => metrics.accessReloaded(outcome),
      },
    });
  return { access, watch };
}
