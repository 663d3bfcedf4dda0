import { isPage } from './answers.ts';
import type { Call, ListCallsQuery, ListOwnersQuery, Owner } from './api.ts';
import type { Answer, RequestOptions } from './attempt.ts';
import { endable } from './endable.ts';
import { withQuery } from './paths.ts';
import type { Transport } from './transport.ts';

interface Routes {
  readonly calls: { readonly query: ListCallsQuery; readonly item: Call };
  readonly owners: { readonly query: ListOwnersQuery; readonly item: Owner };
}

export function pages<Route extends keyof Routes>(
  transport: Transport,
  route: Route,
  query: Omit<Routes[Route]['query'], 'cursor'>,
  options?: RequestOptions,
): AsyncGenerator<Routes[Route]['item'], void, undefined> {
  const make = (signal: AbortSignal) => readPages(transport, route, query, { ...options, signal });
  return endable(make, options?.signal);
}

async function* readPages<Route extends keyof Routes>(
  transport: Transport,
  route: Route,
  query: Omit<Routes[Route]['query'], 'cursor'>,
  options: RequestOptions,
): AsyncGenerator<Routes[Route]['item'], void, undefined> {
  let cursor: string | undefined;
  // A page whose next one is itself would be read for ever.
  const answers = ({ body }: Answer) => isPage(body, route) && body.next !== cursor;
  do {
    const path = withQuery(route, { ...query, cursor });
    const { body } = await transport.send({ method: 'GET', path, answers }, options);
    const page = body as { readonly [items: string]: unknown; readonly next: string | null };
    yield* page[route] as readonly Routes[Route]['item'][];
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}
