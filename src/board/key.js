/** @import { Refused } from './api.js' */
import { byId, byIdAs, write } from './dom.js';

/** The key is in this tab's session storage until the tab is closed, and never in the address. */
const PLACE = 'callkeeper.key';

export function readKey() {
  return sessionStorage.getItem(PLACE);
}

export function forgetKey() {
  sessionStorage.removeItem(PLACE);
}

/**
 * Forgets a refused key and asks for another one. The page then reloads.
 *
 * @param {Refused} refusal
 */
export function askForKey(refusal) {
  const hadKey = readKey() !== null;
  forgetKey();
  byId('gate').hidden = false;
  write(
    byId('gate-title'),
    refusal.status === 403 ? 'Another key is required' : 'A key is required',
  );
  write(byId('gate-why'), why(refusal, hadKey));
  write(byId('state'), 'Locked');
  const field = byIdAs('gate-key', HTMLInputElement);
  field.focus();
  byId('gate-form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const key = field.value.trim();
    // A header can contain no other characters.
    const isKey = /^[\x21-\x7e]+$/.test(key);
    write(
      byId('gate-why'),
      isKey ? '' : 'This is not a key: a key has no spaces and no accented letters.',
    );
    if (!isKey) return;
    sessionStorage.setItem(PLACE, key);
    location.reload();
  });
}

/**
 * @param {Refused} refusal
 * @param {boolean} hadKey
 */
function why({ status, message }, hadKey) {
  if (!hadKey) return '';
  if (status === 403) return `This key is valid, but may not read: ${message}.`;
  return `This key is not valid here, or no longer: ${message}.`;
}
