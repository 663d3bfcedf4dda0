/** Where a text of others repeats a secret: Redis's answer to an AUTH that it does not know, and URLs. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/, with args beginning with: (?:[^"\\]|\\(?!n).)*/g, ''],
  [/\/\/[^\s"/?#]*@/g, '//…@'],
  [/(sentinelPassword=)[^\s"&]*/g, '$1…'],
];

/** @param json of any form; it stays JSON */
export function withoutSecrets(json: string): string {
  return SECRETS.reduce((text, [secret, instead]) => text.replace(secret, instead), json);
}
