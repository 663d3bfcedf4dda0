import { SigningKeys, type SigningKeysOptions } from '../jwt/signing-keys.ts';
import { bearerOf, InvalidTokenError, verifyToken } from '../jwt/verify.ts';

/**
 * Checks the token that Graph sends with its notifications. It is signed with a key of an OpenID
 * configuration, and its audience is the bot's client id.
 * https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications
 */
export interface GraphTokenOptions extends SigningKeysOptions {
  readonly issuers: readonly string[];
  readonly audiences: () => readonly string[];
  /** epoch ms */
  readonly now: () => number;
}

export class GraphTokenVerifier {
  readonly #options: GraphTokenOptions;
  readonly #keys: SigningKeys;

  constructor(options: GraphTokenOptions) {
    this.#options = options;
    this.#keys = new SigningKeys(options);
  }

  /**
   * Checks the token of an `Authorization` header as Graph sent it.
   *
   * @returns its audience
   * @throws InvalidTokenError, SigningKeysError
   */
  async verify(authorization: string | undefined): Promise<string> {
    const token = bearerOf(authorization);
    if (token === null) throw new InvalidTokenError('there is no bearer token');
    const { issuers, audiences, now } = this.#options;
    const ours = audiences();
    const expected = { keys: this.#keys, issuers, audiences: ours, now: now() };
    const { aud } = await verifyToken(token, expected);
    return [aud ?? []].flat().find((audience) => ours.includes(audience)) ?? '';
  }
}
