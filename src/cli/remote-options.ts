export const URLS = { url: { type: 'string', multiple: true } } as const;

/** The options of every command that is a client of the API. */
export const REMOTE = { ...URLS, timeout: { type: 'string', default: '10' } } as const;

export const REMOTE_USAGE = `  --url URL    address of Callkeeper, instead of CALLKEEPER_URL; may be repeated, one per replica
  --timeout S  give up after this many seconds without an answer (10)
  --help       this text

Without --url and CALLKEEPER_URL, the address is that of a daemon with this environment (HOST,
PORT). CALLKEEPER_API_KEY, or the file CALLKEEPER_API_KEY_FILE, has the key or token.
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not reachable or not ready, 4 no valid key
(401), 5 not allowed (403), 6 not known (404).
`;
