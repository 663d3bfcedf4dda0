import { distanceOf } from './did-you-mean.ts';
import type { Env } from './env-reader.ts';
import { VARIABLES } from './table.ts';

/** More letters may differ in a long name: HOME is not a misspelt HOST. */
const LONG = 7;

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

/**
 * Warnings about variables that nobody reads. In `.env` each unknown name is one; the environment
 * has names of other programs, so there only a name that is nearly one of ours.
 *
 * @param inFile the names in `.env`
 */
export function unknownVariables(env: Env, inFile: readonly string[]): string[] {
  const names = new Set([...inFile, ...Object.keys(env)]);
  return [...names].flatMap((name) => {
    if (KNOWN.has(name)) return [];
    const meant = meantBy(name);
    if (meant !== null)
      return [`${shown(name)} is not a variable of Callkeeper: did you mean ${meant}?`];
    const isOurs = inFile.includes(name) && !OTHERS.some((other) => other.test(name));
    return isOurs ? [`${shown(name)} in .env is not a variable of Callkeeper`] : [];
  });
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

function shown(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}
