export const URLS = { url: { type: 'string', multiple: true } } as const;

/** The options of every command that is a client of the API. */
export const REMOTE = { ...URLS, timeout: { type: 'string', default: '10' } } as const;

export const REMOTE_USAGE = `  --url URL    where Callkeeper is, instead of CALLKEEPER_URL; may be repeated, one a replica
  --timeout S  give up after so many seconds without an answer (10)
  --help       this

CALLKEEPER_URL names it otherwise, and without that the environment of a daemon here (HOST,
PORT); CALLKEEPER_API_KEY, or CALLKEEPER_API_KEY_FILE, has the key or token to show.
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not reachable or not ready, 4 no good key
(401), 5 not allowed (403), 6 not known (404).
`;
