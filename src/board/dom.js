// Builds elements. Data becomes text: nothing here parses HTML, and the policy of the page (trusted
// types) forbids it everywhere.

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Record<string, string | number | boolean>} Attributes */

/**
 * @param {Element} element
 * @param {Attributes} attributes false removes one
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  element.append(...children);
  return element;
}

/**
 * An element of index.html.
 *
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`there is no element ${id}`);
  return element;
}

/**
 * An element of index.html that is of a class.
 *
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 */
export function byIdAs(id, kind) {
  const element = byId(id);
  if (!(element instanceof kind)) throw new Error(`${id} is another element`);
  return element;
}

/**
 * Sets a text only if it has changed, so that a screen reader does not repeat it.
 *
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Gives a parent one child per item, in order. A child stays, and keeps its focus, as long as an
 * item has its key.
 *
 * @template Item
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => HTMLElement} make
 * @param {(child: HTMLElement, item: Item) => void} update
 */
export function list(parent, items, keyOf, make, update) {
  const focused = document.activeElement;
  const known = new Map(
    [...parent.children].map((child) => [
      child instanceof HTMLElement ? child.dataset.key : '',
      child,
    ]),
  );
  const children = items.map((item) => {
    const key = keyOf(item);
    const there = known.get(key);
    const child = there instanceof HTMLElement ? there : make(item);
    child.dataset.key = key;
    update(child, item);
    return child;
  });
  for (const child of known.values()) {
    if (!(child instanceof HTMLElement) || !children.includes(child)) child.remove();
  }
  for (const [i, child] of children.entries()) {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  }
  // An element loses the focus when it is moved.
  if (focused instanceof HTMLElement && focused.isConnected && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}
