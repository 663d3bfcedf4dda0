import { type Alias, type Document, isAlias, isCollection, isNode, isPair, visit } from 'yaml';

/** At most this many nodes, with each alias written out. A file of 2,000 apps has about 40,000. */
const MOST_EXPANDED = 100_000;

/** The target of each alias of a document. */
type Targets = ReadonlyMap<Alias, unknown>;

/**
 * Resolves all aliases in one pass, because `alias.resolve` visits the whole document each time. A
 * few lines of aliases to aliases can stand for billions of nodes ("billion laughs"), so this counts
 * nodes without walking them.
 */
export function resolveAliases(document: Document.Parsed): { targets: Targets; fault?: string } {
  const targets = new Map<Alias, unknown>();
  const anchors = new Map<string, unknown>();
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) targets.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  if (targets.size === 0 || sizeOf(document.contents, targets, new Map()) <= MOST_EXPANDED) {
    return { targets };
  }
  return { targets, fault: `has over ${MOST_EXPANDED} values with its aliases written out` };
}

/** The number of nodes, with aliases written out; infinite if they form a circle. */
function sizeOf(node: unknown, targets: Targets, known: Map<unknown, number>): number {
  if (isAlias(node)) return 1 + sizeOf(targets.get(node), targets, known);
  if (isPair(node)) {
    return sizeOf(node.key, targets, known) + sizeOf(node.value, targets, known);
  }
  if (!isCollection(node)) return isNode(node) ? 1 : 0;
  const before = known.get(node);
  if (before !== undefined) return before;
  known.set(node, Number.POSITIVE_INFINITY);
  let size = 1;
  for (const item of node.items) size += sizeOf(item, targets, known);
  known.set(node, size);
  return size;
}
