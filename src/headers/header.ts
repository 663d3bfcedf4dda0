/** A message with HTTP headers. Their names, also those passed to the functions, are in lower case. */
export interface WithHeaders {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export function header(answer: WithHeaders, name: string): string | null {
  return headerValues(answer, name)[0] ?? null;
}

export function headerValues({ headers }: WithHeaders, name: string): readonly string[] {
  const value = headers[name] ?? [];
  return Array.isArray(value) ? value : [value];
}
