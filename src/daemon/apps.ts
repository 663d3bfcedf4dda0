import { readApps } from '../config/apps-file.ts';
import { FileWatch, type FileWatchOptions } from '../config/file-watch.ts';
import type { Config } from '../config.ts';
import type { AppSet } from '../graph/app.ts';
import type { Graph } from '../graph/graph.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface AppsParts {
  readonly config: Config;
  readonly graph: Graph;
  readonly metrics: Metrics;
  readonly watched: Omit<FileWatchOptions<AppSet>, 'file'>;
}

/** The apps of the start, until APPS_FILE says otherwise; `watch` is null where there is none. */
export function configureApps({ config, graph, metrics, watched }: AppsParts) {
  const configured = ({ apps, defaultApp }: AppSet) => ({
    apps: new Map(apps.map((app) => [app.name, app])),
    defaultApp,
  });
  let current = configured(config);
  const { appsFile } = config;
  const watch =
    appsFile &&
    new FileWatch<AppSet>({
      ...watched,
      file: {
        ...appsFile,
        variable: 'APPS_FILE',
        subject: 'the apps',
        read: (text) => readApps(text, appsFile),
        use: (set) => {
          current = configured(set);
          graph.useApps(set.apps);
        },
        told: ({ apps, defaultApp }) => ({ apps: apps.map(({ name }) => name), defaultApp }),
        reloaded: (outcome) => metrics.appsReloaded(outcome),
      },
    });
  return { configured: () => current, watch };
}
