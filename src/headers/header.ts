/** A message with HTTP headers; their names are in lower case. */
export interface WithHeaders {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The first value of a header, or null. `name` is in lower case. */
export function header(answer: WithHeaders, name: string): string | null {
  return headerValues(answer, name)[0] ?? null;
}

/** All values of a header. `name` is in lower case. */
export function headerValues({ headers }: WithHeaders, name: string): readonly string[] {
  const value = headers[name] ?? [];
  return Array.isArray(value) ? value : [value];
}
