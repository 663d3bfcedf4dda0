import type { ConfiguredApps } from '../calls/track-request.ts';
import { readApps } from '../config/apps-file.ts';
import { FileWatch } from '../config/file-watch.ts';
import type { App, AppSet } from '../graph/app.ts';
import type { Graph } from '../graph/graph.ts';
import type { Context } from './context.ts';

export interface AppsNeeds {
  readonly graph: Pick<Graph, 'useApps'>;
}

/** The configured apps: those of the start, until APPS_FILE changes. */
export class Apps implements AsyncDisposable {
  readonly #graph: Pick<Graph, 'useApps'>;
  readonly #watch: FileWatch<AppSet> | null;
  #current: Named;

  constructor({ config, metrics, watched }: Context, { graph }: AppsNeeds) {
    const { appsFile } = config;
    this.#graph = graph;
    this.#current = byName(config);
    this.#watch =
      appsFile &&
      new FileWatch<AppSet>({
        ...watched,
        file: {
          ...appsFile,
          variable: 'APPS_FILE',
          subject: 'the apps',
          read: (text, onNamed) => readApps(text, appsFile, onNamed),
          use: (set) => this.#use(set),
          logFields: ({ apps, defaultApp }) => ({ apps: apps.map(({ name }) => name), defaultApp }),
          reloaded: (outcome) => metrics.appsReloaded(outcome),
        },
      });
  }

  current(): Named {
    return this.#current;
  }

  clientIds(): string[] {
    return [...this.#current.apps.values()].map(({ clientId }) => clientId);
  }

  start(): void {
    this.#watch?.start();
  }

  async reload(): Promise<void> {
    await this.#watch?.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.stop();
  }

  #use(set: AppSet): void {
    this.#current = byName(set);
    this.#graph.useApps(set.apps);
  }
}

interface Named extends ConfiguredApps {
  readonly apps: ReadonlyMap<string, App>;
}

function byName({ apps, defaultApp }: AppSet): Named {
  return { apps: new Map(apps.map((app) => [app.name, app])), defaultApp };
}
