import { distanceOf } from './did-you-mean.ts';
import type { Env } from './env-reader.ts';
import { VARIABLES } from './table.ts';

/** More letters may differ in a long name: HOME is not a misspelt HOST. */
const LONG = 7;
/** A longer name in `.env` is hardly one. */
const MOST_LETTERS = 80;

/** Variables of Node, OpenTelemetry, Azure's identities, docker compose and the shell. */
const OTHERS = [
  /^(NODE|NPM|npm|OTEL|UV|OPENSSL|SSL|DEBUG|COMPOSE|DOCKER|BUILDKIT)(_|$)/,
  /^(IDENTITY_(ENDPOINT|HEADER|SERVER_THUMBPRINT)|MSI_(ENDPOINT|SECRET)|IMDS_ENDPOINT)$/,
  /^(DEFAULT_IDENTITY_CLIENT_ID|AZURE_POD_IDENTITY_AUTHORITY_HOST|REGION_NAME)$/,
  /^(FTP|WS|WSS|ALL|SOCKS)_PROXY$/i,
  /^(TZ|LANG|PATH|HOME|TMPDIR|PWD|SHELL|TERM|NO_COLOR|FORCE_COLOR)$/,
  /^LC_/,
];

const KNOWN = new Set(
  [...VARIABLES].flatMap(([name, { secret, lowerCaseToo }]) => [
    name,
    ...(secret ? [`${name}_FILE`] : []),
    ...(lowerCaseToo ? [name.toLowerCase()] : []),
  ]),
);

/** Words of at most 16 letters: a key or a password in capitals has no `_`. */
const NAME = /^[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,16})*$/;

/**
 * Warnings about variables that nobody reads. In `.env` every unknown name counts; the environment
 * also has names of other programs, so there only a near miss of a known name counts. A secret that
 * is broken over several lines may leave a line in `.env` that looks like a name: the warning about
 * such a line has only its number.
 *
 * @param inFile the names in `.env`, each with the number of its line; null if that is not known
 */
export function unknownVariables(env: Env, inFile: ReadonlyMap<string, number | null>): string[] {
  const names = new Set([...inFile.keys(), ...Object.keys(env)]);
  return [...names].flatMap((name) => {
    if (KNOWN.has(name)) return [];
    const where = inFile.has(name) ? '.env' : 'the environment';
    const meant = meantBy(name);
    if (meant !== null)
      return [`${name} in ${where} is not a variable of Callkeeper: did you mean ${meant}?`];
    const isOurs = inFile.has(name) && !OTHERS.some((other) => other.test(name));
    return isOurs ? [inFileOnly(name, inFile.get(name) ?? null)] : [];
  });
}

function inFileOnly(name: string, line: number | null): string {
  if (name.length <= MOST_LETTERS && NAME.test(name)) {
    return `${name} in .env is not a variable of Callkeeper`;
  }
  const where = line === null ? 'a line' : `line ${line}`;
  return `${where} of .env sets no variable of Callkeeper: is it part of the value above it?`;
}

/** The known name that differs in at most two letters, or in case only. */
function meantBy(name: string): string | null {
  if (/_proxy$/i.test(name) && OTHERS.some((other) => other.test(name))) return null;
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const known of KNOWN) {
    const most = Math.min(name.length, known.length) < LONG ? 1 : 2;
    if (Math.abs(name.length - known.length) > most) continue;
    const distance = distanceOf(name.toUpperCase(), known.toUpperCase());
    if (distance <= most && distance < least) {
      best = known;
      least = distance;
    }
  }
  return best;
}
