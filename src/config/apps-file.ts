import { dirname, resolve } from 'node:path';
import type { App, AppSet } from '../graph/app.ts';
import { CLOUDS, type CloudName } from '../graph/clouds.ts';
import { AppReader } from './app-reader.ts';
import { type Place, YamlReader } from './yaml-reader.ts';

/** The file, and what the environment says about all apps. */
export interface AppsFile {
  readonly path: string;
  /** The cloud of apps that name none. */
  readonly cloud: CloudName;
  /** The addresses of Graph and the authority for that cloud. */
  readonly graphBaseUrl: string;
  readonly authorityHost: string;
}

interface Read {
  readonly place: Place;
  readonly app: App;
  readonly isDefault: boolean;
}

/**
 * Reads the apps, and checks the files of their credentials and webhooks, so that faults are found
 * before the file counts. config/apps.schema.json describes the same form.
 *
 * @param text the content of the file
 * @throws DocumentError
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
  yaml.throwFaults();
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
  yaml.refuseRepeated(
    read.map(({ place, app }) => ({ place, name: app.name })),
    'app',
  );
  return read;
}

/** If there are several apps, one must be the default: their order must not decide. */
function chooseDefault(yaml: YamlReader, read: readonly Read[]): string {
  const [first, second] = read.filter(({ isDefault }) => isDefault);
  if (second) yaml.fault(second.place, 'must not be a second default');
  if (!first && read.length > 1) {
    yaml.fault({ ...yaml.root, path: 'apps' }, 'must have `default: true` in one of them');
  }
  return (first ?? read[0])?.app.name ?? '';
}

/** The environment names addresses for one cloud; apps of other clouds use the usual ones. */
function hostsOf(
  cloud: CloudName,
  file: AppsFile,
): { graphBaseUrl: string; authorityHost: string } {
  const { graphHost, authorityHost } = CLOUDS[cloud];
  if (cloud === file.cloud) return file;
  return { graphBaseUrl: `https://${graphHost}/v1.0`, authorityHost: `https://${authorityHost}` };
}
