/** Secrets in foreign text: in Redis's answer to an unknown AUTH, and in URLs. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/, with args beginning with: (?:[^"\\]|\\(?!n).)*/g, ''],
  // Except in what a fault says about the form of a URL.
  [/\/\/(?!\[user:password@\]host)[^\s"/?#]*@/g, '//…@'],
  [/(sentinelPassword=)[^\s"&]*/g, '$1…'],
];

/** @param json any JSON; the result is still JSON */
export function withoutSecrets(json: string): string {
  return SECRETS.reduce((text, [secret, instead]) => text.replace(secret, instead), json);
}
