import { dirname, resolve } from 'node:path';
import type { App, AppSet } from '../graph/app.ts';
import { CLOUDS, type CloudName } from '../graph/clouds.ts';
import { AppReader } from './app-reader.ts';
import { type Place, YamlReader } from './yaml-reader.ts';

/** The file of the apps, and what the environment says of them all. */
export interface AppsFile {
  readonly path: string;
  /** Of apps that name none. */
  readonly cloud: CloudName;
  /** Where Graph and the authority of that cloud are reached. */
  readonly graphBaseUrl: string;
  readonly authorityHost: string;
}

/** Every fault of the file, by line. No value that stands in it is told. */
export class AppsFileError extends Error {
  readonly code = 'APPS_FILE';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the apps file is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'AppsFileError';
    this.faults = faults;
  }
}

interface Read {
  readonly place: Place;
  readonly app: App;
  readonly isDefault: boolean;
}

/**
 * Reads the apps, and looks at the files of their credentials and webhooks too,
 * so that what cannot work is known before it counts. config/apps.schema.json
 * says the same of the form.
 *
 * @param text the content of the file
 * @throws AppsFileError
 */
export function readApps(text: string, file: AppsFile): AppSet {
  const yaml = new YamlReader(text);
  const reader = new AppReader(yaml, {
    pathOf: (path) => resolve(dirname(file.path), path),
    defaultCloud: file.cloud,
    hostsOf: (cloud) => hostsOf(cloud, file),
  });
  const read = yaml.isParsed ? readAll(yaml, reader) : [];
  const defaultApp = chooseDefault(yaml, read);
  if (yaml.faults.length > 0) throw new AppsFileError(yaml.faults);
  return { apps: read.map(({ app }) => app), defaultApp };
}

function readAll(yaml: YamlReader, reader: AppReader): Read[] {
  const list = yaml.fields(yaml.root, ['apps']);
  if (list === null) return [];
  if (list.of.apps === null) {
    yaml.fault(yaml.root, 'lacks apps');
    return [];
  }
  const read = yaml.items(list.of.apps).map((place) => ({ place, ...reader.read(place) }));
  const lines = new Map<string, number>();
  for (const { place, app } of read) {
    const first = lines.get(app.name);
    if (first !== undefined) yaml.fault(place, `has the name of the app in line ${first}`);
    else if (app.name !== '') lines.set(app.name, place.line);
  }
  return read;
}

/** Where there are several, one has to say so: their order must not decide whose calls are whose. */
function chooseDefault(yaml: YamlReader, read: readonly Read[]): string {
  const [first, second] = read.filter(({ isDefault }) => isDefault);
  if (second) yaml.fault(second.place, 'must not be the default too: there is one');
  if (!first && read.length > 1) {
    yaml.fault({ ...yaml.root, path: 'apps' }, 'must have `default: true` in one of them');
  }
  return (first ?? read[0])?.app.name ?? '';
}

/** What the environment says is of one cloud; an app of another goes where that one is. */
function hostsOf(
  cloud: CloudName,
  file: AppsFile,
): { graphBaseUrl: string; authorityHost: string } {
  const { graphHost, authorityHost } = CLOUDS[cloud];
  if (cloud === file.cloud) return file;
  return { graphBaseUrl: `https://${graphHost}/v1.0`, authorityHost: `https://${authorityHost}` };
}
