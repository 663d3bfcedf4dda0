/** What has headers of HTTP, their names in lower case. */
export interface WithHeaders {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The first value of a header, or null. `name` is in lower case. */
export function header({ headers }: WithHeaders, name: string): string | null {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
