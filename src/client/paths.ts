type Value = string | number | readonly string[] | undefined;

/** A call's path. Throws for any other text: `..`, for example, would lead to another route. */
export function callPath(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{7,127}$/.test(id)) return `calls/${id}`;
  throw new TypeError(`expected a call's id of 8 to 128 of A-Z a-z 0-9 - _, got "${id}"`);
}

/** An owner's path; throws like {@link callPath}. */
export function ownerPath(name: string): string {
  if (/^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/.test(name)) return `owners/${name}`;
  throw new TypeError(
    `expected an owner's name of 1 to 128 of A-Z a-z 0-9 . _ : -, but not . or .., got "${name}"`,
  );
}

/** The path with those values of the query that are given. */
export function withQuery(path: string, query: Readonly<Record<string, Value>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) search.append(name, String(one));
  }
  return search.size > 0 ? `${path}?${search}` : path;
}

/** An error does not quote the text, which may contain a password. */
export function readBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      'baseUrl: expected an http:// or https:// URL without user, password, query or fragment',
    );
  }
  // Without the final slash, a relative path would replace the last part of this one.
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
